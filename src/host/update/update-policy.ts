import { isDeepStrictEqual } from "node:util";
import { mebibytes, minutes } from "../../domain/units.ts";
import type { ComponentSpec, UpdatePolicy } from "../../domain/workload.ts";

/** Of a component that says nothing about it. The growth is half of the memory that one has unasked. */
const DEFAULT_UPDATE: UpdatePolicy = {
  trial: minutes(5),
  maxFailures: 3,
  maxGrowth: mebibytes(16),
  maxCrashes: 3,
  beside: true,
};

export const policyOf = ({ update }: ComponentSpec): UpdatePolicy => update ?? DEFAULT_UPDATE;

/** Whether a component that runs as one wants it runs as the other does too. */
export function runsAlike(one: ComponentSpec, other: ComponentSpec): boolean {
  const settings = ({ env, config, limits, recycling, isolation, grants }: ComponentSpec) => ({
    env,
    config,
    limits,
    recycling,
    isolation,
    grants,
  });
  return isDeepStrictEqual(settings(one), settings(other));
}
