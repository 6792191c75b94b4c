// How much of an application one host runs. Pure.

import type { ManifestComponent, ScalerTrait, Spread } from "./manifest.ts";

export type Labels = Readonly<Record<string, string>>;

/** Undefined: nothing says how many there are to be. */
export function instancesHere(
  { kind, traits }: Pick<ManifestComponent, "kind" | "traits">,
  labels: Labels,
): number | undefined {
  const scaler = traits.find((trait): trait is ScalerTrait => trait.type !== "link");
  if (scaler === undefined) return kind === "capability" ? 1 : undefined;
  const shares = scaler.type === "daemonscaler" ? sameForEach(scaler) : sharesOf(scaler);
  return shares.filter(({ spread }) => fits(spread, labels)).reduce((sum, { instances }) => sum + instances, 0);
}

interface Share {
  readonly spread: Spread;
  readonly instances: number;
}

const EVERYWHERE: Spread = { name: "default", requirements: {}, weight: 100 };

function sameForEach({ instances, spread }: ScalerTrait): Share[] {
  return (spread.length === 0 ? [EVERYWHERE] : spread).map((one) => ({ spread: one, instances }));
}

/** By weight, rounded down; what is left over goes to the heaviest, one each. */
export function sharesOf({ instances, spread }: ScalerTrait): Share[] {
  const sorted = [...(spread.length === 0 ? [EVERYWHERE] : spread)].sort((a, b) => b.weight - a.weight);
  const total = sorted.reduce((sum, { weight }) => sum + weight, 0);
  const shares = sorted.map((one) => ({ spread: one, instances: Math.floor((instances * one.weight) / total) }));
  const left = instances - shares.reduce((sum, share) => sum + share.instances, 0);
  return shares.map((share, place) => ({ ...share, instances: share.instances + (place < left ? 1 : 0) }));
}

function fits({ requirements }: Spread, labels: Labels): boolean {
  return Object.entries(requirements).every(([key, value]) => Object.hasOwn(labels, key) && labels[key] === value);
}
