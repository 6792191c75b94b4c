// Builds the peers from their public crates with cargo, once: the first time takes minutes.

import { spawnSync } from "node:child_process";
import { homedir } from "node:os";
import { join } from "node:path";

/** Outside the repository: the build is large. */
export const TARGET = process.env["PETIOLE_INTEROP_TARGET"] ?? join(homedir(), ".cache", "petiole", "interop");

/** Path of `control` or `wadm`. */
export const peer = (name: "control" | "wadm"): string => buildPeer("peers", name);

/** Path of a program of the crate in this folder. */
export function buildPeer(crate: "peers" | "provider", name: string): string {
  console.log(`building "${name}" in ${TARGET}`);
  const { status, error } = spawnSync("cargo", ["build", "--locked", "--quiet", "--bin", name], {
    cwd: join(import.meta.dirname, crate),
    stdio: "inherit",
    env: { ...process.env, CARGO_TARGET_DIR: TARGET },
  });
  if (status !== 0) throw new Error(`cargo cannot build "${name}"`, { cause: error });
  return join(TARGET, "debug", name);
}
