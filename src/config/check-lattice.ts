// Faults in what a configuration says about those who command the device that the schemas of their blocks cannot see.

import { asRecord } from "./check.ts";
import type { ConfigFault } from "./yaml-source.ts";

export function checkLattice(raw: unknown): ConfigFault[] {
  const { lattice, operator, hub } = asRecord(raw);
  if (hub !== undefined) return [];
  return [
    ...(lattice === undefined
      ? []
      : [{ path: ["lattice"], message: "a lattice is reached through the hub, and there is no hub" }]),
    ...(operator === undefined
      ? []
      : [{ path: ["operator"], message: "the operator is reached through the hub, and there is no hub" }]),
  ];
}
