// Programs of the machine that the lab runs on.

import { spawnSync } from "node:child_process";

interface RunOptions {
  readonly cwd: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** Runs a program to its end and gives what it printed. @throws Error with the end of its output when it fails */
export function run(command: string, args: readonly string[], { cwd, env = process.env }: RunOptions): string {
  const { status, error, stdout, stderr } = spawnSync(command, args, {
    cwd,
    env,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    maxBuffer: 64 << 20,
  });
  if (status === 0) return stdout;
  throw new Error(`${command} ${args.join(" ")} failed: ${error?.message ?? stderr}${(stdout ?? "").slice(-2000)}`);
}

/** Whether the program is there at all. */
export const has = (command: string): boolean => spawnSync(command, ["--version"]).error === undefined;
