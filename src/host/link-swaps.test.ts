import { describe, test } from "vitest";
import { componentSpec } from "../../test/support/workloads.ts";
import type { LinkSpec, WantedState } from "../domain/workload.ts";
import { applySwaps, providerLinks, withSwap } from "./link-swaps.ts";

const link = (source: string, target: string, config?: unknown): LinkSpec => ({
  name: "default",
  source,
  target,
  interfaces: ["a:b/c"],
  config,
});
const wanted: WantedState = {
  components: [componentSpec("app")],
  providers: ["disk", "memory", "bus"].map((id) => ({ id, type: "any", config: {} })),
  links: [link("app", "disk", { of: "disk" }), link("bus", "app")],
};
const [toDisk, fromBus] = providerLinks(wanted, []);
const swaps = [toDisk, fromBus].flatMap((one) =>
  one === undefined ? [] : withSwap([], one, "memory", { of: "memory" }),
);

describe("applySwaps()", () => {
  test("gives links in both directions another provider, with a configuration for that", ({ expect }) => {
    expect(applySwaps(wanted, swaps).links).toEqual([
      link("app", "memory", { of: "memory" }),
      link("memory", "app", { of: "memory" }),
    ]);
    expect(applySwaps(wanted, [])).toBe(wanted);
  });

  test("leaves alone what its source changed since, and what has no such provider any more", ({ expect }) => {
    const changed = { ...wanted, links: [link("app", "bus"), { ...link("bus", "app"), name: "other" }] };
    expect(applySwaps(changed, swaps).links).toEqual(changed.links);
    const fewer = { ...wanted, providers: wanted.providers.filter(({ id }) => id !== "memory") };
    expect(applySwaps(fewer, swaps).links).toEqual(wanted.links);
  });

  test("makes no link twice", ({ expect }) => {
    const both = { ...wanted, links: [...wanted.links, link("memory", "app")] };
    expect(applySwaps(both, swaps).links.slice(1)).toEqual([link("bus", "app"), link("memory", "app")]);
  });
});

describe("withSwap()", () => {
  test("keeps one swap of a link, and none when it has what it is wanted with", ({ expect }) => {
    const [first] = providerLinks(wanted, swaps);
    if (first === undefined) throw new Error("there are links");
    expect(withSwap(swaps, first, "bus", 1)).toMatchObject([{ to: "memory", of: { source: "bus" } }, { to: "bus" }]);
    expect(withSwap(swaps, first, "disk", first.wanted.config)).toHaveLength(1);
    expect(withSwap(swaps, first, "disk", { other: true })).toHaveLength(2);
  });
});
