// Pins: a component calls another one of the device directly. Values cross as they are, the calls of one that is
// replaced wait, and components that call each other in a circle end by their deadlines.

import { afterAll, describe, test } from "vitest";
import { seconds } from "../../../src/domain/units.ts";
import type { ComponentSpec, DesiredState, LinkSpec } from "../../../src/domain/workload.ts";
import { createHost, type Host } from "../../../src/host/host.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { silentLogger } from "../../../src/lib/log.ts";
import type { LinkContext, Provider, ProviderDeps } from "../../../src/provider/contract.ts";
import type { HostServices } from "../../../src/provider/services.ts";
import { tempFolder } from "../../support/processes.ts";
import { GENEROUS_LIMITS, componentSpec } from "../../support/workloads.ts";
import { MIRROR, fixture, openRuntime } from "./support.ts";

const cache = await tempFolder();
afterAll(() => cache[Symbol.asyncDispose]());

interface World extends AsyncDisposable {
  readonly host: Host;
  /** Calls the component that the caller is linked to. */
  call(functionName: string, ...args: readonly unknown[]): Promise<unknown>;
  /** Serves the end of the chain. */
  serve: (functionName: string, args: readonly unknown[]) => unknown;
  link(): LinkContext<unknown> | undefined;
}

function openWorld(): World {
  const { runtime, ...opened } = openRuntime(cache.path);
  let context: LinkContext<unknown> | undefined;
  const factory = ({ id }: ProviderDeps): Provider => ({
    id,
    serves: "anything",
    calls: "anything",
    parseConfig: (raw) => raw,
    parseLinkConfig: (raw) => raw,
    start: async () => {},
    bind: async (link) => {
      if (link.direction === "exports") context = link;
      const functions = (_name: string, fn: string, args: readonly unknown[]): unknown => world.serve(fn, args);
      return { functions, [Symbol.asyncDispose]: async () => {} };
    },
    [Symbol.asyncDispose]: async () => {},
  });
  const host = createHost({
    runtime,
    registry: { ends: async () => factory },
    // The provider asks nothing of the host.
    services: {} as HostServices,
    clock: systemClock,
    log: silentLogger,
  });
  const world: World = {
    host,
    link: () => context,
    call: async (fn, ...args) => await context?.call(MIRROR, fn, args),
    serve: (_fn, [value]) => value,
    async [Symbol.asyncDispose]() {
      await host[Symbol.asyncDispose]();
      await opened[Symbol.asyncDispose]();
    },
  };
  return world;
}

const mirror = (id: string, more: Partial<ComponentSpec> = {}): ComponentSpec =>
  componentSpec(id, { file: fixture("types"), ...more });
const link = (source: string, target: string): LinkSpec => ({
  name: "default",
  source,
  target,
  interfaces: [MIRROR],
  config: undefined,
});
/** The provider calls `a`, which calls `b`, which the provider serves. */
const chain: DesiredState = {
  components: [mirror("a"), mirror("b")],
  providers: [{ id: "ends", type: "ends", config: {} }],
  links: [link("ends", "a"), link("a", "b"), link("b", "ends")],
};

describe("a component that is linked to another one", () => {
  test("calls it, with its values and without a provider between them", async ({ expect }) => {
    await using world = openWorld();
    await world.host.apply(chain);
    expect(world.host.status().components).toMatchObject([
      { id: "a", state: "running", lastError: undefined },
      { id: "b", state: "running", lastError: undefined },
    ]);
    world.serve = (fn, args) => (fn === "swap" ? (args[0] as readonly unknown[]).toReversed() : 1.5);
    expect(await world.call("swap", ["x", 7])).toEqual([7, "x"]);
    expect(await world.call("add", 1, -1)).toBe(1.5);
    expect(world.host.status().components.map(({ id, calls }) => [id, calls])).toEqual([
      ["a", 2],
      ["b", 2],
    ]);
    const [shape] = world.link()?.shapes() ?? [];
    expect(shape?.name).toBe(`${MIRROR}@1.2.3`);
    expect(shape?.functions.find(({ name }) => name === "swap")?.type?.params).toHaveLength(1);
  });

  test("waits while it is replaced: no call fails, and none in flight is cut off", async ({ expect }) => {
    await using world = openWorld();
    await world.host.apply({
      ...chain,
      components: [mirror("a", { limits: { ...GENEROUS_LIMITS, instances: 4 } }), mirror("b")],
    });
    const held = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    world.serve = async () => {
      reached.resolve();
      await held.promise;
      return 1;
    };
    const first = world.call("add", 1, 1);
    await reached.promise;
    const components = [
      mirror("a", { limits: { ...GENEROUS_LIMITS, instances: 4 } }),
      mirror("b", { env: { VERSION: "2" } }),
    ];
    const replaced = world.host.apply({ ...chain, components });
    const second = world.call("add", 1, 1);
    world.serve = () => 2;
    held.resolve();
    expect(await first).toBe(1);
    expect(await second).toBe(2);
    await replaced;
    expect(await world.call("add", 1, 1)).toBe(2);
  });

  test("fails with a typed error while that one does not run", async ({ expect }) => {
    await using world = openWorld();
    const broken = { ...mirror("b"), file: "/no/such.wasm" };
    await world.host.apply({ ...chain, components: [mirror("a"), broken] });
    await expect(world.call("add", 1, 1)).rejects.toMatchObject({
      code: "ERR_COMPONENT_STOPPED",
      message: expect.stringContaining("/no/such.wasm"),
    });
    await world.host.apply(chain);
    world.serve = () => 3;
    expect(await world.call("add", 1, 1)).toBe(3);
  });

  test("is not linked to one that lacks what it imports", async ({ expect }) => {
    await using world = openWorld();
    const other = componentSpec("b", { file: fixture("bare"), links: "late" });
    await world.host.apply({ ...chain, components: [mirror("a"), other], links: [link("ends", "a"), link("a", "b")] });
    expect(world.host.status().components[0]?.lastError).toMatchObject({ code: "ERR_EXPORT_MISSING" });
    await expect(world.call("add", 1, 1)).rejects.toMatchObject({ code: "ERR_PROVIDER_STOPPED" });
  });

  test("ends by its deadline when the two call each other in a circle", async ({ expect }) => {
    await using world = openWorld();
    const limits = { ...GENEROUS_LIMITS, deadline: seconds(1), queue: 2 };
    const circle = { ...chain, components: [mirror("a", { limits }), mirror("b", { limits })] };
    await world.host.apply({ ...circle, links: [link("ends", "a"), link("a", "b"), link("b", "a")] });
    await expect(world.call("add", 1, 1)).rejects.toMatchObject({ code: "ERR_COMPONENT_DEADLINE" });
    // The circle is broken up: what it left in the queues ends as well.
    await world.host.apply({ ...circle, links: chain.links });
    world.serve = () => 4;
    await expect.poll(() => world.call("add", 1, 1).catch(() => 0), { timeout: 20_000 }).toBe(4);
  });
});
