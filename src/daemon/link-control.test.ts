import { describe, test } from "vitest";
import { componentSpec } from "../../test/support/workloads.ts";
import { PetioleError } from "../domain/errors.ts";
import type { LinkState } from "../domain/status.ts";
import type { LinkSpec, WantedState } from "../domain/workload.ts";
import type { HostStatus } from "../host/host.ts";
import { silentLogger } from "../lib/log.ts";
import { createLinkControl } from "./link-control.ts";

const link = (source: string, target: string, name = "default"): LinkSpec => ({
  name,
  source,
  target,
  interfaces: [source === "app" ? "a:b/get" : "a:b/on"],
  config: { of: "file" },
});
const wanted: WantedState = {
  components: [componentSpec("app")],
  providers: ["disk", "redis", "mqtt", "nats"].map((id) => ({ id, type: "any", config: {} })),
  links: [link("app", "disk"), link("app", "mqtt", "out"), link("mqtt", "app")],
};

/** A control over a host that binds every link, apart from those with the providers in `broken`. */
async function createWorld(stored: Map<string, string> = new Map()) {
  const broken = new Set<string>();
  const world = { wanted, applied: wanted, saveFault: undefined as Error | undefined };
  const stateOf = ({ source, target }: LinkSpec): LinkState =>
    broken.has(source) || broken.has(target) ? "failed" : "bound";
  const control = createLinkControl({
    state: {
      load: async (name) => stored.get(name),
      save: async (name, value) => {
        if (world.saveFault !== undefined) throw world.saveFault;
        if (value === undefined) stored.delete(name);
        else stored.set(name, value);
      },
    },
    log: silentLogger,
    wanted: () => world.wanted,
    refresh: async () => {
      world.applied = control.apply(world.wanted);
    },
    host: {
      checkLink: async ({ source, target }) => {
        const isStore = [source, target].some((end) => end === "disk" || end === "redis");
        if (isStore && source !== "app") throw new PetioleError("ERR_LINK_INVALID", "a store calls nobody");
      },
      status: (): HostStatus => ({
        components: [],
        providers: [],
        links: world.applied.links.map((spec) => {
          const state = stateOf(spec);
          const lastError = state === "bound" ? undefined : { code: "ERR_PROVIDER_START", message: "nobody answers" };
          return { ...spec, state, lastError };
        }),
      }),
    },
  });
  await control.load();
  return {
    world,
    broken,
    stored,
    swap: async (to: string, more: object = {}) =>
      await control.handlers["link-swap"]({ component: "app", to, dryRun: false, ...more }, NOBODY),
    reset: async () => await control.handlers["link-reset"]({ component: "app", dryRun: false }, NOBODY),
    list: async () => await control.handlers.links({}, NOBODY),
    ends: () => world.applied.links.map(({ source, target }) => `${source}>${target}`),
  };
}

const NOBODY = { report: () => {}, signal: new AbortController().signal };
const AS_WANTED = ["app>disk", "app>mqtt", "mqtt>app"];

describe("createLinkControl()", () => {
  test("moves every link with the provider that is named, and moves them back", async ({ expect }) => {
    const { swap, reset, ends, stored } = await createWorld();
    const { moves } = await swap("nats", { from: "mqtt" });
    expect(moves.map(({ from, to }) => [from, to])).toEqual([
      ["mqtt", "nats"],
      ["mqtt", "nats"],
    ]);
    expect(ends()).toEqual(["app>disk", "app>nats", "nats>app"]);
    await reset();
    expect([ends(), stored.size]).toEqual([AS_WANTED, 0]);
  });

  test("asks which link is meant when it could be one of several", async ({ expect }) => {
    const { swap, ends } = await createWorld();
    await expect(swap("nats")).rejects.toMatchObject({
      code: "ERR_LINK_UNKNOWN",
      message: expect.stringContaining("links with disk and mqtt are meant"),
    });
    await swap("nats", { interfaces: ["a:b/on"] });
    expect(ends()).toEqual(["app>disk", "app>mqtt", "nats>app"]);
  });

  test("leaves a link as it was when the other provider cannot have it", async ({ expect }) => {
    const { swap, reset, broken, ends, stored } = await createWorld();
    broken.add("redis");
    const failure = { code: "ERR_PROVIDER_START", message: "The link stays as it was: nobody answers" };
    await expect(swap("redis", { from: "disk" })).rejects.toMatchObject(failure);
    expect([ends(), stored.size]).toEqual([AS_WANTED, 0]);
    broken.clear();
    await swap("redis", { from: "disk" });
    broken.add("disk");
    await expect(reset()).rejects.toMatchObject(failure);
    expect([ends()[0], stored.size]).toEqual(["app>redis", 1]);
  });

  test("leaves a link as it was when the swap cannot be remembered", async ({ expect }) => {
    const { world, swap, ends } = await createWorld();
    world.saveFault = new PetioleError("ERR_STORE_FAILED", "no disk");
    await expect(swap("redis", { from: "disk" })).rejects.toMatchObject({ code: "ERR_STORE_FAILED" });
    expect(ends()).toEqual(AS_WANTED);
  });

  test("remembers swaps over a restart, and shows those that have nothing to act on", async ({ expect }) => {
    const first = await createWorld();
    await first.swap("redis", { from: "disk", config: { of: "hand" } });
    const second = await createWorld(first.stored);
    expect(await second.list()).toMatchObject({ idle: [] });
    await second.reset();
    expect([second.ends(), second.stored.size]).toEqual([AS_WANTED, 0]);
    const third = await createWorld(new Map([["link-swaps", "nonsense"]]));
    expect((await third.list()).idle).toEqual([]);
    await third.swap("redis", { from: "disk" });
    third.world.wanted = { ...wanted, links: [] };
    expect((await third.list()).idle).toMatchObject([{ of: { target: "disk" }, to: "redis" }]);
  });

  test("remembers the swap of a link that has no configuration", async ({ expect }) => {
    const plain = { ...wanted, links: wanted.links.map((one) => ({ ...one, config: undefined })) };
    const first = await createWorld();
    first.world.wanted = plain;
    await first.swap("redis", { from: "disk" });
    const second = await createWorld(first.stored);
    second.world.wanted = plain;
    expect((await second.list()).idle).toEqual([]);
    await second.reset();
    expect(second.stored.size).toBe(0);
  });

  test("swaps nothing of a component that has no such link, and nothing that is not swapped back", async ({
    expect,
  }) => {
    const { swap, reset } = await createWorld();
    await expect(swap("redis", { name: "nosuch" })).rejects.toMatchObject({ code: "ERR_LINK_UNKNOWN" });
    await expect(swap("nosuch", { from: "disk" })).rejects.toMatchObject({ code: "ERR_LINK_UNKNOWN" });
    await expect(reset()).rejects.toMatchObject({ code: "ERR_LINK_UNKNOWN" });
  });
});
