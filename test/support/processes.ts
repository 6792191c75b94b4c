import { spawn, type ChildProcess, type SpawnOptions } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface TestProcess extends AsyncDisposable {
  readonly pid: number;
  readonly child: ChildProcess;
  /** Everything written to standard output and standard error so far. */
  output(): string;
  /** Resolves when the process has ended. */
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  /** Sends a signal; does not wait. */
  signal(signal: NodeJS.Signals): void;
}

/** Starts a process whose output is collected and which is gone, by SIGKILL if need be, when the scope is left. */
export async function spawnProcess(
  command: string,
  args: readonly string[],
  options: Pick<SpawnOptions, "cwd" | "env" | "uid" | "gid"> = {},
): Promise<TestProcess> {
  const child = spawn(command, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk));
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once("exit", (code, signal) => resolve({ code, signal }));
  });
  await once(child, "spawn");
  const { pid } = child;
  if (pid === undefined) throw new Error(`${command} has no pid`);
  return {
    pid,
    child,
    exited,
    output: () => Buffer.concat(chunks).toString(),
    signal: (signal) => void child.kill(signal),
    async [Symbol.asyncDispose]() {
      // A stopped process acts on SIGKILL without being continued.
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
      await exited;
    },
  };
}

export interface TempFolder extends AsyncDisposable {
  readonly path: string;
}

/** A new folder under the system's temporary one, removed when the scope is left. */
export async function tempFolder(): Promise<TempFolder> {
  const path = await mkdtemp(join(tmpdir(), "petiole-test-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
