import { basename } from "node:path";
import type { Bytes } from "../domain/units.ts";
import { compileAhead, type AheadResult } from "../runtime/aot/compile-ahead.ts";
import { readSigningKey } from "../runtime/aot/keys.ts";
import { parseTarget } from "../runtime/aot/target.ts";
import { formatBytes } from "./table.ts";

export interface CompileOptions {
  readonly target: string;
  readonly key: string;
  readonly out?: string;
  readonly memory: Bytes;
  readonly table: number;
  readonly warmUp?: string;
  readonly node?: string;
  readonly json?: true;
}

export async function compile(component: string, options: CompileOptions): Promise<void> {
  const target = parseTarget(options.target);
  const out = options.out ?? `${component}.${target.name.replaceAll(",", "-")}.aot`;
  const signingKey = await readSigningKey(options.key);
  if (options.json !== true) {
    const warmUp = options.warmUp === undefined ? "" : ` with the calls of ${options.warmUp}`;
    process.stderr.write(`Compiling ${component} for ${target.name}${warmUp} ...\n`);
  }
  const { memory, table, warmUp, node } = options;
  const started = performance.now();
  const stop = new AbortController();
  process.once("SIGINT", () => stop.abort(new Error("interrupted")));
  const result = await compileAhead({
    component,
    target,
    memory,
    table,
    warmUp,
    signingKey,
    out,
    signal: stop.signal,
    ...(node !== undefined && { node }),
  });
  const report = describe(out, result, performance.now() - started);
  process.stdout.write(options.json === true ? `${JSON.stringify(report)}\n` : formatReport(report));
}

type Report = ReturnType<typeof describe>;

function describe(out: string, { content, size, calls, failures, firstFailure }: AheadResult, ms: number) {
  const modules = [...content.modules.values()];
  const machineCode = modules.reduce((sum, one) => sum + (one.machineCode?.byteLength ?? 0), 0);
  return { file: out, component: content.component, size, machineCode, calls, failures, firstFailure, ms };
}

function formatReport({ file, component, size, machineCode, calls, failures, firstFailure, ms }: Report): string {
  const lines = [
    `${file}: ${formatBytes(size)} in ${(ms / 1000).toFixed(1)} s, for ${component}`,
    machineCode === 0
      ? "without machine code: it was not warmed up (--warm-up FILE with recorded calls)"
      : `${formatBytes(machineCode)} of machine code, taken after ${calls} calls`,
  ];
  if (failures > 0) lines.push(`${failures} calls failed, the first with: ${firstFailure}`);
  lines.push(`A device takes it when it lies beside the component, as ${basename(file)}, and trusts the signer.`);
  return `${lines.join("\n")}\n`;
}
