// Faults in what a configuration says about a lattice that the schema of the block cannot see.

import { asRecord } from "./check.ts";
import type { ConfigFault } from "./yaml-source.ts";

export function checkLattice(raw: unknown): ConfigFault[] {
  const { lattice, hub } = asRecord(raw);
  if (lattice === undefined || hub !== undefined) return [];
  return [{ path: ["lattice"], message: "a lattice is reached through the hub, and there is no hub" }];
}
