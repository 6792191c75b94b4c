// What an executable says of itself: `petiole version --json`.

import { spawnSync } from "node:child_process";
import BetterSqlite3 from "better-sqlite3";
import type { About } from "../src/lib/about.ts";
import { ROOT } from "./bundle.ts";
import type { BundledPackage } from "./inventory.ts";
import type { NatsServerPart } from "./nats-server.ts";
import type { TargetName } from "./targets.ts";

export function describeBuild(target: TargetName, packages: readonly BundledPackage[], server?: NatsServerPart): About {
  const outermostLast = packages.toSorted((one, other) => other.folder.length - one.folder.length);
  const versions = outermostLast.map(({ name, version }) => [name, version] as const);
  return {
    commit: currentCommit(),
    target,
    sqlite: sqliteVersion(),
    packages: Object.fromEntries([...new Map(versions)].sort(([one], [other]) => (one < other ? -1 : 1))),
    ...(server !== undefined && { natsServer: { version: server.version, sha256: server.sha256 } }),
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
