// Commands of petiole, as somebody types them.

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { LAUNCHER } from "./agent.ts";
import type { Stage } from "./perform.ts";

const COMMAND_LIMIT_MS = 120_000;

/** Runs a command of petiole and returns what it prints. Rejects, with what it said, when it fails. */
export async function runPetiole({ signal }: Pick<Stage, "signal">, args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(LAUNCHER, args, { timeout: COMMAND_LIMIT_MS, signal });
  return stdout;
}

/** As a shell takes it. */
export const commandLine = (args: readonly string[]): string => ["petiole", ...args].map(quote).join(" ");

const quote = (text: string): string => (/^[\w./:=@>-]+$/.test(text) ? text : `'${text}'`);
