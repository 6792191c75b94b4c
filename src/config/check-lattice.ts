// Faults in what a configuration says about those who command the device that the schemas of their blocks cannot see.

import { asRecord } from "./check.ts";
import type { ConfigFault } from "./yaml-source.ts";

export function checkLattice(raw: unknown): ConfigFault[] {
  const { lattice, operator, hub, providers } = asRecord(raw);
  const executables = Object.entries(asRecord(providers)).filter(([, one]) => asRecord(one)["type"] === "executable");
  const alone = lattice === undefined ? executables : [];
  const faults = alone.map(([name]) => ({
    path: ["providers", name],
    message: "a provider that is an executable is talked to over a lattice, and there is no lattice block",
  }));
  if (hub !== undefined) return faults;
  return [
    ...faults,
    ...(lattice === undefined
      ? []
      : [{ path: ["lattice"], message: "a lattice is reached through the hub, and there is no hub" }]),
    ...(operator === undefined
      ? []
      : [{ path: ["operator"], message: "the operator is reached through the hub, and there is no hub" }]),
  ];
}
