// The agent as a process of its own, seen through its command line.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { open, readFile } from "node:fs/promises";
import { relative } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { AgentStatus } from "../../src/domain/status.ts";

/** Starts petiole on the Node and with the flags that it is measured with. */
export const LAUNCHER = fileURLToPath(new URL("../petiole", import.meta.url));

/** A command of petiole, to be typed where this process was started. */
export function commandFor(configFile: string, ...args: readonly string[]): string {
  const launcher = relative(process.cwd(), LAUNCHER);
  return `${launcher.startsWith(".") ? launcher : `./${launcher}`} ${args.join(" ")} --config ${configFile}`;
}

const STOP_LIMIT_MS = 15_000;
const STATUS_LIMIT_MS = 10_000;

export interface Agent extends AsyncDisposable {
  readonly pid: number;
  /** Aborted, with the reason, when the process ends by itself. */
  readonly ended: AbortSignal;
  /** What `petiole status --json` prints. Rejects while no agent answers. */
  status(): Promise<AgentStatus>;
  /** Ends the process with SIGKILL, as a power cut does. */
  kill(): Promise<void>;
}

/** Starts the agent with its output in `logFile`. Disposing it stops it as systemd does: SIGTERM, later SIGKILL. */
export async function startAgent(configFile: string, logFile: string): Promise<Agent> {
  await using log = await open(logFile, "a");
  // In a process group of its own: Ctrl-C is for the demo, which then stops the agent in the right order.
  const child = spawn(LAUNCHER, ["run", "--config", configFile], {
    stdio: ["ignore", log.fd, log.fd],
    detached: true,
  });
  const exited = once(child, "exit");
  await once(child, "spawn");
  const { pid } = child;
  if (pid === undefined) throw new Error("The agent has no process id");
  const ended = new AbortController();
  let stopping = false;
  child.once("exit", (code, signal) => {
    if (!stopping) ended.abort(new Error(`The agent ended by itself, with ${signal ?? `exit code ${code}`}`));
  });

  return {
    pid,
    ended: ended.signal,
    status: async () => {
      const { stdout } = await promisify(execFile)(LAUNCHER, ["status", "--config", configFile, "--json"], {
        timeout: STATUS_LIMIT_MS,
      });
      // The command is of this checkout: its output is the type that both are compiled with.
      return JSON.parse(stdout) as AgentStatus;
    },
    async kill() {
      stopping = true;
      child.kill("SIGKILL");
      await exited;
    },
    async [Symbol.asyncDispose]() {
      stopping = true;
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGTERM");
      const patience = new AbortController();
      const killing = sleep(STOP_LIMIT_MS, undefined, { signal: patience.signal }).then(
        () => child.kill("SIGKILL"),
        () => false,
      );
      await exited;
      patience.abort();
      await killing;
    },
  };
}

/** The end of a log, for people who need to know what went wrong. */
export async function lastLines(file: string, count: number): Promise<readonly string[]> {
  const text = await readFile(file, "utf8").catch(() => "");
  return text.trimEnd().split("\n").slice(-count);
}

/** Rows of all lanes that the hub has not acknowledged. */
export const backlogOf = ({ outbox }: AgentStatus): number => outbox.lanes.reduce((total, { rows }) => total + rows, 0);

/** What is not running yet, as `name: state`. */
export function notRunning({ components, providers }: AgentStatus): readonly string[] {
  return [...components, ...providers]
    .filter(({ state }) => state !== "running")
    .map(({ id, state, lastError }) => `${id}: ${state}${lastError === undefined ? "" : ` (${lastError.message})`}`);
}
