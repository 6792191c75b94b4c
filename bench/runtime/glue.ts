// What the canonical ABI costs: one component on our glue and on the transpiler's, in one thread, with nothing else
// around them. Where imports may wait, the guest runs on a stack of its own; the host answers at once.

import { readFile } from "node:fs/promises";
import vm from "node:vm";
import { median, type Report } from "../frame.ts";
import { inspectComponent } from "../../src/runtime/binary/component-binary.ts";
import { abi } from "../../src/runtime/link/abi.ts";
import { emitGlue } from "../../src/runtime/link/emit.ts";
import type { LinkedInstantiate } from "../../src/runtime/link/linked-glue.ts";
import { resolveComponent } from "../../src/runtime/link/resolve.ts";
import { GLUE_FILE } from "../../src/runtime/prepare/child-protocol.ts";
import { glueScript, type Instantiate } from "../../src/runtime/prepare/glue.ts";
import { transpileOptions } from "../../src/runtime/prepare/transpile-options.ts";
import { GUEST, subjectFile } from "./subject.ts";

type Run = (asks: number, payload: Uint8Array) => unknown;

const HOST = "petiole:bench/host";
const PAYLOAD = new Uint8Array(200).fill(120);
const ROUNDS = 9;
const CALLS = 5000;
const IMPORTS = 20;

export async function reportGlue(report: Report): Promise<void> {
  const bytes = new Uint8Array(await readFile(subjectFile("core")));
  for (const waits of [false, true]) {
    const [theirs, ours] = await measure([await transpiled(bytes, waits), linked(bytes, waits)]);
    if (theirs === undefined || ours === undefined) throw new Error("Two were measured");
    const mode = waits ? "imports may wait" : "imports answer at once";
    for (const [what, of] of Object.entries({
      "a call with 200 bytes": (cost: Cost) => cost.call,
      "each import with 200 bytes": (cost: Cost) => cost.import,
    })) {
      report({ name: `glue, ${mode}: ${what}: jco`, value: of(theirs), unit: "µs" });
      report({
        name: `glue, ${mode}: ${what}: petiole`,
        value: of(ours),
        unit: "µs",
        ratio: of(ours) / of(theirs),
        goal: { of: "ratio", atMost: 0.5 },
      });
    }
  }
}

interface Cost {
  /** Microseconds. */
  readonly call: number;
  readonly import: number;
}

async function measure(contestants: readonly Run[]): Promise<readonly Cost[]> {
  const times = contestants.map(() => ({ bare: [] as number[], asking: [] as number[] }));
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [index, run] of contestants.entries()) {
      const bare = await timed(run, 0);
      const asking = await timed(run, IMPORTS);
      if (round === 0) continue; // Warms up.
      times[index]?.bare.push(bare);
      times[index]?.asking.push(asking);
    }
  }
  return times.map(({ bare, asking }) => ({
    call: median(bare),
    import: (median(asking) - median(bare)) / IMPORTS,
  }));
}

/** Microseconds a call. */
async function timed(run: Run, asks: number): Promise<number> {
  const calls = asks === 0 ? CALLS : CALLS / 10;
  const started = performance.now();
  for (let index = 0; index < calls; index++) {
    const answer = run(asks, PAYLOAD);
    if (answer instanceof Promise) await answer;
  }
  return ((performance.now() - started) * 1000) / calls;
}

function linked(bytes: Uint8Array<ArrayBuffer>, waits: boolean): Run {
  const plan = resolveComponent(bytes);
  const script = new vm.Script(emitGlue(plan, { waits: () => waits }));
  const instantiate = script.runInThisContext() as LinkedInstantiate; // What emitGlue() promises.
  const instance = instantiate({
    coreModule: (index) => {
      const range = plan.modules[index];
      if (range === undefined) throw new Error(`There is no module ${index}`);
      return new WebAssembly.Module(bytes.slice(range.start, range.end));
    },
    instantiateCore: (module, imports) => new WebAssembly.Instance(module, imports),
    hostFunction: () => (payload: Uint8Array) => payload,
    dropResource: () => {},
    abi,
  });
  const run = instance.exported(GUEST, "run");
  if (run === undefined) throw new Error("The component has no run()");
  return run;
}

async function transpiled(bytes: Uint8Array, waits: boolean): Promise<Run> {
  const { $init, generate } = await import("@bytecodealliance/jco-transpile/component");
  await $init;
  const { asyncMode, ...options } = transpileOptions(inspectComponent(bytes));
  const { files } = generate(bytes, { ...options, ...(waits && asyncMode !== undefined && { asyncMode }) });
  const contents = new Map(files);
  const read = (name: string): Uint8Array => {
    const content = contents.get(name);
    if (content === undefined) throw new Error(`The transpiler made no ${name}`);
    return content;
  };
  const glue = glueScript(Buffer.from(read(GLUE_FILE)).toString("utf8"));
  const instantiate = new vm.Script(glue).runInThisContext() as Instantiate; // What glueScript() promises.
  const exports = await instantiate(
    (name) => new WebAssembly.Module(new Uint8Array(read(name))),
    { [HOST]: { ask: (payload: Uint8Array) => payload } },
    (module, imports) => new WebAssembly.Instance(module, imports),
  );
  return (exports[GUEST] as { readonly run: Run }).run; // The component's only export.
}
