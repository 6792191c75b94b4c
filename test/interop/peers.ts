// Builds the peers from their public crates with cargo, once: the first time takes minutes.

import { spawnSync } from "node:child_process";
import { homedir } from "node:os";
import { join } from "node:path";

const SOURCE = join(import.meta.dirname, "peers");
/** Outside the repository: the build is large. */
const TARGET = process.env["PETIOLE_INTEROP_TARGET"] ?? join(homedir(), ".cache", "petiole", "interop");

/** Path of `control` or `wadm`. */
export function peer(name: "control" | "wadm"): string {
  console.log(`building the peers in ${TARGET}`);
  const { status, error } = spawnSync("cargo", ["build", "--locked", "--quiet", "--bin", name], {
    cwd: SOURCE,
    stdio: "inherit",
    env: { ...process.env, CARGO_TARGET_DIR: TARGET },
  });
  if (status !== 0) throw new Error(`cargo cannot build "${name}"`, { cause: error });
  return join(TARGET, "debug", name);
}
