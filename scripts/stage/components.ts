// The components that a show runs, built as far as their sources changed.

import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Stage } from "./perform.ts";

/** Builds what `npm run build:examples` builds, or the part of it whose names begin with one of `only`. */
export async function buildExamples({ screen, signal }: Stage, only: readonly string[] = []): Promise<void> {
  await screen.task(
    "Example components",
    () => build(only, signal),
    () => "built",
  );
}

async function build(only: readonly string[], signal: AbortSignal): Promise<void> {
  const script = fileURLToPath(new URL("../build-examples.ts", import.meta.url));
  const child = spawn(process.execPath, [script, ...only], { stdio: ["ignore", "pipe", "pipe"], signal });
  const output: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => output.push(chunk));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", (error) => reject(signal.aborted ? signal.reason : error));
    child.once("close", resolve);
  });
  if (code !== 0) throw new Error(`Cannot build the examples:\n${Buffer.concat(output).toString()}`);
}
