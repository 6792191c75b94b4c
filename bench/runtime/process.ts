// Processes that a benchmark starts, with the agent's flags.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { AGENT_FLAGS } from "../../scripts/agent-flags.ts";

export interface TimedProcess {
  /** Milliseconds from the start to the first output, or to the end when there was none. */
  readonly answered: number;
  readonly stdout: string;
}

/** @throws Error when the process does not end with 0 */
export async function runProcess(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<TimedProcess> {
  const started = performance.now();
  const child = spawn(process.execPath, [...AGENT_FLAGS, ...args], { stdio: ["ignore", "pipe", "pipe"], env });
  let answered: number | undefined;
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    answered ??= performance.now() - started;
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const ended = once(child, "exit").then(() => performance.now() - started);
  const [code] = (await once(child, "close")) as [number | null]; // As child_process documents it.
  if (code !== 0) throw new Error(`A process of the benchmark ended with ${code}: ${stderr.slice(-1500)}`);
  return { answered: answered ?? (await ended), stdout };
}
