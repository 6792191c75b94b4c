// A terminal of the reader's: commands run in it one block after another, and stay in the folder they went to.

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isErrno } from "../../src/lib/files.ts";

export interface TerminalDeps {
  /** For its own files. */
  readonly folder: string;
  /** Where the reader begins. */
  readonly start: string;
  readonly env: NodeJS.ProcessEnv;
}

export interface Running extends AsyncDisposable {
  readonly output: () => string;
  /** Undefined while it runs. */
  readonly code: () => number | undefined;
}

export interface Terminal {
  readonly cwd: () => string;
  /** Runs a block to its end. */
  run(commands: string): Promise<{ readonly code: number; readonly output: string }>;
  /** Starts a block, which goes on in the folder where this terminal is now. Disposing it is Ctrl-C. */
  start(commands: string): Running;
}

const STOP_LIMIT_MS = 30_000;

export function openTerminal({ folder, start, env }: TerminalDeps): Terminal {
  const place = join(folder, "cwd");
  let cwd = start;

  function spawnBlock(
    commands: string,
    after: string,
  ): { readonly child: ChildProcess; readonly output: () => string } {
    // In a process group of its own, as a terminal makes one: Ctrl-C is for all of them.
    const script = `set -eo pipefail\n${commands}\n${after}`;
    const child = spawn("bash", ["-c", script], { cwd, env, stdio: ["ignore", "pipe", "pipe"], detached: true });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8");
      stream.on("data", (text: string) => (output += text));
    }
    return { child, output: () => output };
  }

  return {
    cwd: () => cwd,
    async run(commands) {
      const { child, output } = spawnBlock(commands, `pwd >'${place}'`);
      const [code] = (await once(child, "close")) as [number | null];
      if (code === 0) cwd = (await readFile(place, "utf8")).trim();
      return { code: code ?? 1, output: output() };
    },
    start(commands) {
      const { child, output } = spawnBlock(commands, "");
      const exited = once(child, "exit");
      return {
        output,
        code: () => (child.exitCode === null && child.signalCode === null ? undefined : (child.exitCode ?? 1)),
        async [Symbol.asyncDispose]() {
          const { pid } = child;
          if (pid === undefined) return;
          signalGroup(pid, "SIGINT");
          // The shell may be gone before what it started.
          const late = performance.now() + STOP_LIMIT_MS;
          while (signalGroup(pid, 0) && performance.now() < late) await sleep(50);
          signalGroup(pid, "SIGKILL");
          if (child.exitCode === null && child.signalCode === null) await exited;
        },
      };
    },
  };
}

/** Whether there is anybody to hear it. */
function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-pid, signal);
  } catch (error) {
    if (isErrno(error, "ESRCH")) return false;
    throw error;
  }
}
