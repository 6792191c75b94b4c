import { array, assert, nat, property, record } from "fast-check";
import { describe, test } from "vitest";
import type { ScalerTrait } from "./manifest.ts";
import { instancesHere, sharesOf } from "./scale.ts";

const scaler = (more: Partial<ScalerTrait>): ScalerTrait => ({
  type: "spreadscaler",
  instances: 4,
  spread: [],
  ...more,
});
const edge = { name: "edge", requirements: { zone: "edge" }, weight: 75 };
const cloud = { name: "cloud", requirements: { zone: "cloud" }, weight: 25 };
const all = { name: "all", requirements: {}, weight: 100 };

describe("instancesHere()", () => {
  test.for([
    ["no spread is for every host", scaler({}), {}, 4],
    ["the share of the spread that fits", scaler({ spread: [edge, cloud] }), { zone: "edge" }, 3],
    ["the share of the other", scaler({ spread: [edge, cloud] }), { zone: "cloud" }, 1],
    ["none when no spread fits", scaler({ spread: [edge, cloud] }), { zone: "lab" }, 0],
    ["every share that fits", scaler({ spread: [edge, all], instances: 7 }), { zone: "edge" }, 7],
    ["a daemonscaler means each host", scaler({ type: "daemonscaler", spread: [all] }), {}, 4],
    ["a daemonscaler for other hosts", scaler({ type: "daemonscaler", spread: [cloud] }), { zone: "edge" }, 0],
    ["a scaler to nothing", scaler({ instances: 0 }), {}, 0],
  ] as const)("%s", ([, trait, labels, count], { expect }) => {
    expect(instancesHere({ kind: "component", traits: [trait] }, labels)).toBe(count);
  });

  test("without a scaler a capability runs once, and nothing says how often a component does", ({ expect }) => {
    expect(instancesHere({ kind: "capability", traits: [] }, {})).toBe(1);
    expect(instancesHere({ kind: "component", traits: [] }, {})).toBeUndefined();
  });
});

test("sharesOf() gives out exactly what is there, nobody more than one above its weight's share", ({ expect }) => {
  const spread = record({ weight: nat(1000).map((weight) => weight + 1) });
  assert(
    property(nat(100_000), array(spread, { maxLength: 8 }), (instances, weights) => {
      const spreads = weights.map(({ weight }, index) => ({ name: `s${index}`, requirements: {}, weight }));
      const shares = sharesOf(scaler({ instances, spread: spreads }));
      const total = spreads.reduce((sum, { weight }) => sum + weight, 0) || 100;
      expect(shares.reduce((sum, share) => sum + share.instances, 0)).toBe(instances);
      for (const share of shares) {
        const exact = (instances * share.spread.weight) / total;
        expect(Math.abs(share.instances - exact)).toBeLessThan(1.000001);
      }
    }),
  );
});
