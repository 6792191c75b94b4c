// Runs the transpiler in a process of its own, within bounds of memory and time.

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { PetioleError } from "../../domain/errors.ts";
import { millis, type Bytes, type Millis } from "../../domain/units.ts";
import type { Clock } from "../../lib/clock.ts";
import { processCommand } from "../../lib/parts.ts";
import type { ChildReport, ChildRequest } from "./child-protocol.ts";

export interface CompileLimits {
  /** Resident memory of the process. */
  readonly memory: Bytes;
  readonly time: Millis;
}

export interface ChildRun {
  /** The component, named in errors. */
  readonly source: string;
  readonly input: string;
  readonly outputFolder: string;
  /** Command line of the transpiler, which reads a ChildRequest from its standard input. */
  readonly command: readonly [string, ...string[]];
  readonly limits: CompileLimits;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

const MEMORY_CHECK_INTERVAL = millis(100);
const KEPT_OUTPUT = 2000;

/** The transpiler, in a process of its own. */
export function transpilerCommand(limits: CompileLimits): readonly [string, ...string[]] {
  const megabytes = Math.max(16, Math.floor(limits.memory / 1024 ** 2));
  // Baseline code only: the process ends before optimising would pay, and takes half the memory.
  const flags = ["--liftoff-only", "--no-warnings", `--max-old-space-size=${megabytes}`];
  return processCommand("transpile", flags);
}

/**
 * Transpiles `input` into `outputFolder` and returns the names of the files made.
 * @throws PetioleError ERR_COMPONENT_INVALID with the transpiler's reason, ERR_COMPONENT_PREPARE when a bound was hit;
 *   the signal's reason when aborted
 */
export async function runTranspiler(run: ChildRun): Promise<readonly string[]> {
  const { source, signal } = run;
  signal.throwIfAborted();
  const [command, ...args] = run.command;
  const child = spawn(command, args, { stdio: "pipe", env: {} });
  // When it ends without reading, how it ended says more than the broken pipe.
  child.stdin.on("error", () => {});
  child.stdin.end(JSON.stringify({ input: run.input, outputFolder: run.outputFolder } satisfies ChildRequest));
  const stopped = new AbortController();
  const overrun = watch(child, run, AbortSignal.any([signal, stopped.signal]));
  try {
    const [[code, killedBy], stdout, stderr] = await Promise.all([
      closed(child, source),
      text(child.stdout),
      text(child.stderr),
    ]);
    stopped.abort();
    signal.throwIfAborted();
    const breach = await overrun;
    if (breach !== undefined) throw cannotPrepare(source, breach);
    const report = parseReport(stdout);
    if (report === undefined) {
      const end = killedBy ?? `exit code ${code}`;
      throw cannotPrepare(source, `the transpiler ended with ${end}: ${stderr.trim().slice(-KEPT_OUTPUT)}`);
    }
    if (!report.ok) throw new PetioleError("ERR_COMPONENT_INVALID", `Cannot transpile "${source}": ${report.reason}`);
    return report.files;
  } finally {
    stopped.abort();
    child.kill("SIGKILL");
  }
}

/** Exit code and signal. Rejects when the child could not be started. */
async function closed(child: ChildProcess, source: string): Promise<[number | null, NodeJS.Signals | null]> {
  try {
    return (await once(child, "close")) as [number | null, NodeJS.Signals | null]; // As child_process documents it.
  } catch (error) {
    throw cannotPrepare(source, `the transpiler could not be started: ${String(error)}`);
  }
}

/** Kills the child when it hits a bound, and says which; undefined when it ended by itself. */
async function watch(child: ChildProcess, run: ChildRun, stop: AbortSignal): Promise<string | undefined> {
  stop.addEventListener("abort", () => child.kill("SIGKILL"), { once: true });
  const started = run.clock.monotonic();
  while (!stop.aborted) {
    const breach =
      run.clock.monotonic() - started > run.limits.time
        ? `transpiling took longer than ${run.limits.time} ms`
        : (await residentMemory(child.pid)) > run.limits.memory
          ? `transpiling took more than ${run.limits.memory} bytes of memory`
          : undefined;
    if (breach !== undefined) {
      child.kill("SIGKILL");
      return breach;
    }
    await run.clock.sleep(MEMORY_CHECK_INTERVAL, stop).catch(() => {});
  }
  return undefined;
}

async function residentMemory(pid: number | undefined): Promise<number> {
  try {
    const status = await readFile(`/proc/${pid}/status`, "utf8");
    return Number(/^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    // Gone already; how it ended is seen elsewhere.
    return 0;
  }
}

function parseReport(stdout: string): ChildReport | undefined {
  try {
    return JSON.parse(stdout) as ChildReport; // Written by our own child, in one piece or not at all.
  } catch {
    return undefined;
  }
}

function cannotPrepare(source: string, found: string): PetioleError {
  return new PetioleError("ERR_COMPONENT_PREPARE", `Cannot transpile "${source}": ${found}`);
}
