// Builds the peers from their public crates with cargo, once: the first time takes minutes.

import { spawnSync } from "node:child_process";
import { homedir } from "node:os";
import { join } from "node:path";

/** Outside the repository: the build is large. */
export const TARGET = process.env["PETIOLE_INTEROP_TARGET"] ?? join(homedir(), ".cache", "petiole", "interop");

/** The last ones are packages of their own: their libraries are those of other releases. */
const PEERS = {
  control: { source: "peers", bin: "control" },
  wadm: { source: "peers", bin: "wadm" },
  wrpc: { source: "wrpc/peer", bin: "wrpc-peer" },
  "messaging-nats": { source: "provider", bin: "messaging-nats" },
  pack: { source: "provider", bin: "pack" },
} as const;

/** Path of the program. */
export function peer(name: keyof typeof PEERS): string {
  console.log(`building the peers in ${TARGET}`);
  const { source, bin } = PEERS[name];
  const { status, error } = spawnSync("cargo", ["build", "--locked", "--quiet", "--bin", bin], {
    cwd: join(import.meta.dirname, source),
    stdio: "inherit",
    env: { ...process.env, CARGO_TARGET_DIR: TARGET },
  });
  if (status !== 0) throw new Error(`cargo cannot build "${name}"`, { cause: error });
  return join(TARGET, "debug", bin);
}

/** Path of wash: that of `PETIOLE_INTEROP_WASH`, else built from its crate, which takes an hour on two cores. */
export function washBinary(): string {
  const given = process.env["PETIOLE_INTEROP_WASH"];
  if (given !== undefined) return given;
  const root = join(TARGET, "wash");
  const { status, error } = spawnSync("cargo", ["install", "wash@0.43.0", "--locked", "--debug", "--root", root], {
    stdio: "inherit",
    env: { ...process.env, CARGO_TARGET_DIR: join(TARGET, "wash-build"), CARGO_PROFILE_DEV_DEBUG: "0" },
  });
  if (status !== 0) throw new Error("cargo cannot build wash", { cause: error });
  return join(root, "bin", "wash");
}
