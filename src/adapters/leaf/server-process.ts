import { spawn, type ChildProcess } from "node:child_process";
import { readFile, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { PetioleError } from "../../domain/errors.ts";
import { millis, seconds, type Millis } from "../../domain/units.ts";
import type { Clock } from "../../lib/clock.ts";
import { writeFileAtomic } from "../../lib/files.ts";
import type { Logger } from "../../lib/log.ts";
import type { ListenAddress } from "./leaf-config.ts";
import { createServerLog } from "./server-log.ts";

export interface ServerPorts {
  readonly client: number;
  readonly monitor: number;
}

export interface ServerProcessOptions {
  readonly binary: string;
  readonly configFile: string;
  readonly pidFile: string;
  readonly portsFolder: string;
  readonly listen: ListenAddress;
  readonly readyTimeout: Millis;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A running nats-server that accepts clients. Disposing it ends the process and waits until it is gone. */
export interface ServerProcess extends AsyncDisposable {
  readonly pid: number;
  readonly ports: ServerPorts;
  /** Resolves with the reason when the process has ended by itself or by disposal. */
  readonly ended: Promise<string>;
  /** The server's last complaint since it connected to the hub. */
  linkProblem(): string | undefined;
  /** Has it read its configuration again; resolves with whether it took it. */
  reload(): Promise<boolean>;
}

const POLL: Millis = millis(20);
const STOP_GRACE: Millis = seconds(5);
const RELOAD_LIMIT: Millis = seconds(5);
/** The server needs about 12 MB; with this it returns memory instead of growing after a burst. */
const MEMORY_LIMIT = "48MiB";

/** @throws PetioleError ERR_LEAF_SERVER when it ends or is not ready in time, with what it said */
export async function startServerProcess(options: ServerProcessOptions): Promise<ServerProcess> {
  const output = createServerLog(options.log);
  const child = spawn(options.binary, ["-c", options.configFile], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { GOMEMLIMIT: MEMORY_LIMIT },
  });
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (chunk: string) => output.push(chunk));
  }
  const ended = new Promise<string>((resolve) => {
    // Not "exit": the last lines it wrote may still be on their way then.
    child.once("close", (code, signal) => resolve(`it ended with ${signal ?? `code ${code}`}: ${output.summary()}`));
    child.once("error", (error) => resolve(error.message));
  });
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rm(options.pidFile, { force: true }));
  stack.defer(() => endProcess(child, ended, options.clock));
  // Before it is ready: an agent that is killed right now must find it again.
  if (child.pid !== undefined) await writeFileAtomic(options.pidFile, `${child.pid}\n`);
  const ports = await readyPorts(child, ended, options);
  const kept = stack.move();
  const { linkProblem, reloads } = output;

  async function reload(): Promise<boolean> {
    const before = reloads();
    const deadline = options.clock.monotonic() + RELOAD_LIMIT;
    if (!child.kill("SIGHUP")) return false;
    while (options.clock.monotonic() < deadline) {
      if (reloads().done > before.done) return true;
      if (reloads().refused > before.refused || child.exitCode !== null) return false;
      await options.clock.sleep(POLL);
    }
    return false;
  }

  return { pid: child.pid ?? 0, ports, ended, linkProblem, reload, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

/** Waits for the file that the server writes when all its listeners are open. */
async function readyPorts(
  child: ChildProcess,
  ended: Promise<string>,
  { binary, portsFolder, listen, readyTimeout, clock }: ServerProcessOptions,
): Promise<ServerPorts> {
  const file = join(portsFolder, `${basename(binary)}_${child.pid}.ports`);
  const fail = (found: string): PetioleError =>
    new PetioleError("ERR_LEAF_SERVER", `Cannot start nats-server on "${listen.host}:${listen.port}": ${found}`);
  let death: string | undefined;
  void ended.then((reason) => {
    death = reason;
  });
  const deadline = clock.monotonic() + readyTimeout;
  for (;;) {
    const ports = parsePorts(await readFile(file, "utf8").catch(() => ""));
    if (ports !== undefined) return ports;
    if (death !== undefined) throw fail(death);
    if (clock.monotonic() > deadline) throw fail(`it was not ready after ${readyTimeout} ms`);
    await clock.sleep(POLL);
  }
}

/** `{"nats":["nats://127.0.0.1:4222"],"monitoring":["http://127.0.0.1:8222"]}`; undefined while it is being written. */
export function parsePorts(text: string): ServerPorts | undefined {
  try {
    const { nats, monitoring } = JSON.parse(text) as { nats?: unknown; monitoring?: unknown };
    const [client, monitor] = [portOf(nats), portOf(monitoring)];
    return client === undefined || monitor === undefined ? undefined : { client, monitor };
  } catch {
    return undefined;
  }
}

function portOf(urls: unknown): number | undefined {
  const first: unknown = Array.isArray(urls) ? urls[0] : undefined;
  const match = typeof first === "string" ? /:(\d+)\/?$/.exec(first) : null;
  return match === null ? undefined : Number(match[1]);
}

async function endProcess(child: ChildProcess, ended: Promise<string>, clock: Clock): Promise<void> {
  if (child.pid === undefined) return;
  const timer = new AbortController();
  child.kill("SIGTERM");
  void clock.sleep(STOP_GRACE, timer.signal).then(
    () => child.kill("SIGKILL"),
    () => {},
  );
  await ended;
  timer.abort();
}
