import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { rm, writeFile } from "node:fs/promises";
import { PetioleError } from "../../../domain/errors.ts";
import { seconds } from "../../../domain/units.ts";
import type { Clock } from "../../../lib/clock.ts";
import { isErrno } from "../../../lib/files.ts";
import type { Logger } from "../../../lib/log.ts";
import { reasonOf } from "../../../lib/reason.ts";
import { createOutputLog } from "./output-log.ts";
import { identify, signalGroup } from "./process-identity.ts";

export interface ProviderProcessOptions {
  readonly id: string;
  /** Absolute path of the executable. */
  readonly file: string;
  /** Where to note which process it is, for an agent that comes after one that was killed. */
  readonly record: string;
  /** For its standard input. */
  readonly hostData: string;
  /** What must not get into the log when the process repeats it. */
  readonly secrets: readonly string[];
  /** All of its environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A running process, leader of a group of its own. Disposing it kills the group and waits until the process is gone. */
export interface ProviderProcess extends AsyncDisposable {
  readonly pid: number;
  /** Resolves with the reason once the process is gone, and what it had started with it. */
  readonly ended: Promise<string>;
  signal(name: NodeJS.Signals): void;
}

/** Waits for the end of its input, which comes when the agent is gone, and then kills the group. */
const GUARD = 'read -r _; kill -s KILL -- "-$1"';
/** Output that a process left to others, which went to a session of their own, is not waited for. */
const OUTPUT_LIMIT = seconds(1);

/** Resolves once the process runs. @throws PetioleError ERR_PROVIDER_START */
export async function startProviderProcess(options: ProviderProcessOptions): Promise<ProviderProcess> {
  const { id, file, record, hostData, secrets, env, clock, log } = options;
  const child = spawn(file, [], { cwd: "/", env, detached: true, stdio: ["pipe", "pipe", "pipe"] });
  // Before anything else: without file descriptors to spare, a child has no streams, and says so only here.
  const spawned = once(child, "spawn").catch((cause: unknown) => {
    throw new PetioleError("ERR_PROVIDER_START", `Cannot run provider "${id}": ${describe(cause)}`, { cause });
  });
  // Later ones are of signals that did not reach it.
  child.on("error", () => {});
  const { pid } = child;
  if (pid === undefined) {
    await spawned;
    throw new PetioleError("ERR_PROVIDER_START", `Cannot run provider "${id}": it did not become a process`);
  }
  const output = createOutputLog({ secrets: secrets.filter((secret) => secret !== ""), log, clock });
  output.follow(child.stdout, "stdout");
  output.follow(child.stderr, "stderr");
  // A process that ends before it has read everything is told of by its end.
  child.stdin.on("error", () => {});
  let guard: ChildProcess | undefined;
  const ended = endOf(child, pid, clock).then(async (how) => {
    // Before its input ends: the number may belong to another group by now.
    guard?.kill("SIGKILL");
    await rm(record, { force: true }).catch((error: unknown) => {
      // The next agent sees that it stands for no process.
      log.warn("Cannot remove the note on a provider's process", { reason: reasonOf(error) });
    });
    return `${how}: ${output.summary()}`;
  });
  const running: ProviderProcess = {
    pid,
    ended,
    signal: (name) => signalGroup(pid, name),
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) signalGroup(pid, "SIGKILL");
      await ended;
    },
  };
  try {
    await spawned;
    guard = startGuard(pid, log);
    const identity = await identify(pid);
    // One that has ended already needs no record; `ended` may have removed it.
    if (identity !== undefined) await writeFile(record, JSON.stringify(identity), { mode: 0o600 });
    child.stdin.end(hostData);
  } catch (cause) {
    await running[Symbol.asyncDispose]();
    throw new PetioleError("ERR_PROVIDER_START", `Cannot keep track of the process of "${id}": ${reasonOf(cause)}`, {
      cause,
    });
  }
  return running;
}

/**
 * Node cannot ask the kernel to end a child together with its parent, and providers have no input by which they could
 * notice. A shell that waits for ours to close does it for them.
 */
function startGuard(leader: number, log: Logger): ChildProcess {
  const guard = spawn("/bin/sh", ["-c", GUARD, "petiole-guard", String(leader)], {
    cwd: "/",
    env: {},
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  guard.on("error", (error) => {
    log.warn("No shell guards the provider: should the agent be killed, only the next one ends it", { err: error });
  });
  guard.stdin?.on("error", () => {});
  guard.unref();
  return guard;
}

async function endOf(child: ChildProcess, pid: number, clock: Clock): Promise<string> {
  const closed = once(child, "close");
  const exited = Promise.withResolvers<string>();
  child.once("exit", (code, signal) => exited.resolve(`it ended with ${signal ?? `code ${code}`}`));
  const how = await exited.promise;
  // What it had started goes along.
  signalGroup(pid, "SIGKILL");
  const timer = new AbortController();
  await Promise.race([closed, clock.sleep(OUTPUT_LIMIT, timer.signal).catch(() => {})]);
  timer.abort();
  child.stdout?.destroy();
  child.stderr?.destroy();
  return how;
}

function describe(cause: unknown): string {
  if (isErrno(cause, "ENOENT")) return "what it needs to be loaded, its interpreter or loader, is not on this machine";
  if (isErrno(cause, "EACCES")) return "the file system of the state folder does not let anything be run";
  return reasonOf(cause);
}
