// What an executable says of itself: `petiole version --json`.

import { spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import BetterSqlite3 from "better-sqlite3";
import { ROOT } from "./bundle.ts";
import type { TargetName } from "./targets.ts";

export interface About {
  readonly commit: string;
  readonly target: TargetName;
  readonly sqlite: string;
  /** Versions of the npm packages that are inside, by name. */
  readonly packages: Readonly<Record<string, string>>;
}

export async function describeBuild(target: TargetName, modules: readonly string[]): Promise<About> {
  return { commit: currentCommit(), target, sqlite: sqliteVersion(), packages: await packageVersions(modules) };
}

/** The packages that modules are of, as paths from the repository's root. */
export function packageFolders(modules: readonly string[]): readonly string[] {
  const folders = modules.flatMap((path) => {
    const match = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(path);
    return match === null ? [] : [match[0]];
  });
  return [...new Set(folders)].sort();
}

async function packageVersions(modules: readonly string[]): Promise<Readonly<Record<string, string>>> {
  const entries = await Promise.all(
    packageFolders(modules).map(async (folder) => {
      // npm wrote it.
      const { name, version } = JSON.parse(await readFile(join(ROOT, folder, "package.json"), "utf8")) as {
        readonly name: string;
        readonly version: string;
      };
      return [name, version] as const;
    }),
  );
  return Object.fromEntries(entries);
}

function currentCommit(): string {
  const git = (...args: readonly string[]) => spawnSync("git", args, { cwd: ROOT, encoding: "utf8" });
  const { status, stdout } = git("rev-parse", "HEAD");
  if (status !== 0) return "unknown";
  return git("status", "--porcelain").stdout === "" ? stdout.trim() : `${stdout.trim()}-dirty`;
}

/** Of the add-on, which is the same version for every machine. */
function sqliteVersion(): string {
  const database = new BetterSqlite3(":memory:");
  try {
    return String(database.prepare("SELECT sqlite_version()").pluck().get());
  } finally {
    database.close();
  }
}
