import { execFile } from "node:child_process";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { CommandNode } from "../../src/cli/describe/tree.ts";
import { RELEASED } from "../../src/domain/version.ts";

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, "../..");

/** The command line of petiole, as its own program tells it. */
export async function commandLine(): Promise<CommandNode> {
  const { stdout } = await run(process.execPath, [join(ROOT, "src/cli/main.ts"), "completion", "json"], {
    // Defaults that come from the environment are no part of a page.
    env: { PATH: process.env["PATH"] },
    maxBuffer: 16 * 1024 ** 2,
  });
  return JSON.parse(stdout) as CommandNode;
}

/** Seconds since 1970: SOURCE_DATE_EPOCH, else the time of the last commit, else the day of the release. */
export async function sourceEpoch(): Promise<number> {
  const set = process.env["SOURCE_DATE_EPOCH"] ?? "";
  if (/^\d+$/.test(set)) return Number(set);
  try {
    const { stdout } = await run("git", ["-C", ROOT, "log", "-1", "--format=%ct"]);
    return Number(stdout.trim());
  } catch {
    // Not a checkout.
    return Date.parse(RELEASED) / 1000;
  }
}

/** What `npm run build` says of the parts of an executable: the bill of materials and the licences. */
export async function inventoryBeside(folder: string): Promise<string[]> {
  const names = await readdir(folder);
  return names
    .filter((name) => name === "petiole.cdx.json" || /^licen[cs]es?\b.*\.txt$/i.test(name))
    .sort()
    .map((name) => join(folder, name));
}
