// What an executable says of itself: `petiole version --json`.

import { spawnSync } from "node:child_process";
import BetterSqlite3 from "better-sqlite3";
import { ROOT } from "./bundle.ts";
import type { BundledPackage } from "./inventory.ts";
import type { TargetName } from "./targets.ts";

export interface About {
  readonly commit: string;
  readonly target: TargetName;
  readonly sqlite: string;
  /** Versions of the npm packages that are inside, by name; of two, the one that petiole itself uses. */
  readonly packages: Readonly<Record<string, string>>;
}

export function describeBuild(target: TargetName, packages: readonly BundledPackage[]): About {
  const outermostLast = packages.toSorted((one, other) => other.folder.length - one.folder.length);
  const versions = outermostLast.map(({ name, version }) => [name, version] as const);
  return {
    commit: currentCommit(),
    target,
    sqlite: sqliteVersion(),
    packages: Object.fromEntries([...new Map(versions)].sort(([one], [other]) => (one < other ? -1 : 1))),
  };
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
