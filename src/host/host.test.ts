import { describe, test } from "vitest";
import { PetioleError, WitError } from "../domain/errors.ts";
import type { DesiredState, LinkSpec } from "../domain/workload.ts";
import { systemClock } from "../lib/clock.ts";
import { silentLogger } from "../lib/log.ts";
import { createMetricsRegistry } from "../lib/metrics.ts";
import type { InterfaceShape } from "../lib/wit/type.ts";
import type { ExportCaller, LinkContext, Provider, ProviderDeps } from "../provider/contract.ts";
import type { HostServices } from "../provider/services.ts";
import { emptyLattice } from "../../test/support/remote-ends.ts";
import { waitFor } from "../../test/support/wait-for.ts";
import { componentSpec } from "../../test/support/workloads.ts";
import { NO_BREACHES, type InstanceOptions, type Runtime } from "../runtime/contract.ts";
import { createHost, type Host } from "./host.ts";
import type { TrustCheck } from "./ports.ts";

interface World {
  readonly host: Host;
  readonly events: string[];
  /** Links that providers serve or deliver on, by `provider:component`. */
  readonly bound: Map<string, LinkContext<unknown>>;
  readonly instances: Map<string, InstanceOptions>;
  /** Reasons for which the next starts of a provider fail. */
  readonly faults: PetioleError[];
  /** What the next calls of a provider wait for. */
  readonly gates: Promise<void>[];
  /** How other hosts call components, in a lattice. */
  readonly callers: Map<string, ExportCaller>;
}

const bareShape = (name: string): InterfaceShape => ({ name, functions: [], resources: [] });

/** A host over a runtime and a provider that write down what is asked of them. */
function createWorld(
  imports: readonly string[] = ["wasi:io/streams@0.2.0", "a:b/get@1.0.0"],
  trust?: TrustCheck,
  inLattice = false,
  metrics = createMetricsRegistry(),
): World {
  const events: string[] = [];
  const remote = emptyLattice({
    call: async ({ target, interfaceName }) => `${target} elsewhere has ${interfaceName}`,
    serve: (component, shapes, { call }) => {
      events.push(`serve ${component} ${shapes.map(({ name }) => name).join()}`);
      callers.set(component, call);
      return { [Symbol.asyncDispose]: async () => void events.push(`unserve ${component}`) };
    },
  });
  const callers = new Map<string, ExportCaller>();
  const bound = new Map<string, LinkContext<unknown>>();
  const instances = new Map<string, InstanceOptions>();
  const faults: PetioleError[] = [];
  const gates: Promise<void>[] = [];
  const runtime: Runtime = {
    builtin: new Set(["wasi:io/streams"]),
    prepare: async (file, _signal, admit) => {
      await admit?.({ bytes: new Uint8Array(1), digest: "sha256:00" });
      if (file.includes("broken")) throw new PetioleError("ERR_COMPONENT_INVALID", "not a component");
      const exports = ["a:b/on@1.0.0"];
      const shapes = { imports: imports.map(bareShape), exports: exports.map(bareShape) };
      return { digest: "sha256:00", imports, exports, shapes, size: 1 };
    },
    start: async (_component, options) => {
      instances.set(options.id, options);
      events.push(`start ${options.id}`);
      return {
        call: async (name, fn, args) => `${options.id} ${name}#${fn}(${args.join()})`,
        http: () => Promise.reject(new Error("no HTTP here")),
        configure: () => {},
        stats: () => ({
          calls: 7,
          failures: 0,
          restarts: 0,
          pending: 0,
          instances: 1,
          memory: 0,
          reserved: 0,
          cpuTime: 0,
          recycled: 0,
          breaches: NO_BREACHES,
          degraded: false,
        }),
        [Symbol.asyncDispose]: async () => void events.push(`stop ${options.id}`),
      };
    },
    [Symbol.asyncDispose]: async () => {},
  };
  const factory = ({ id, metrics: measures }: ProviderDeps): Provider => ({
    id,
    serves: ["a:b/get"],
    calls: ["a:b/on"],
    bindsElsewhere: inLattice,
    parseConfig: (raw) => raw,
    parseLinkConfig: (raw) => raw,
    start: async () => {
      const fault = faults.shift();
      if (fault !== undefined) throw fault;
      events.push(`start ${id}`);
    },
    bind: async (link) => {
      events.push(`bind ${id}:${link.component} ${link.direction}`);
      bound.set(`${id}:${link.component}:${link.direction}`, link);
      return {
        functions: {
          "a:b/get": {
            get: async (key: string) => {
              await gates.shift();
              if (key === "none") throw new WitError("no-such-key");
              measures.counter("fake_gets_total", "Gets.").add();
              return `${id} has ${key}`;
            },
          },
        },
        [Symbol.asyncDispose]: async () => void events.push(`unbind ${id}:${link.component} ${link.direction}`),
      };
    },
    [Symbol.asyncDispose]: async () => void events.push(`stop ${id}`),
  });
  const host = createHost({
    runtime,
    registry: { fake: async () => factory },
    // The fake provider asks nothing of the host.
    services: {} as HostServices,
    trust,
    remote: inLattice ? remote : undefined,
    metrics,
    clock: systemClock,
    log: silentLogger,
  });
  return { host, events, bound, instances, faults, gates, callers };
}

const app = componentSpec("app");
const link = (source: string, target: string, name: string): LinkSpec => ({
  name: "default",
  source,
  target,
  interfaces: [name],
  config: undefined,
});
const desired: DesiredState = {
  components: [app],
  providers: [{ id: "store", type: "fake", config: {} }],
  links: [link("app", "store", "a:b/get"), link("store", "app", "a:b/on")],
};

describe("createHost()", () => {
  test("starts a component whose links may come late, and refuses its calls until they do", async ({ expect }) => {
    const { host, instances, events } = createWorld();
    await using _ = host;
    const components = [{ ...app, links: "late" as const }];
    await host.apply({ ...desired, components, links: [] });
    expect(host.status().components[0]).toMatchObject({ state: "running" });
    await expect(instances.get("app")?.onImport("a:b/get@1.0.0", "get", ["x"])).rejects.toMatchObject({
      code: "ERR_PROVIDER_STOPPED",
    });
    await host.apply({ ...desired, components });
    expect(await instances.get("app")?.onImport("a:b/get@1.0.0", "get", ["x"])).toBe("store has x");
    expect(events.filter((event) => event === "start app")).toHaveLength(1);
  });

  test("routes imports to the linked provider and deliveries to the component", async ({ expect }) => {
    const { host, bound, instances } = createWorld();
    await using _ = host;
    await host.apply(desired);
    expect(host.status().components[0]).toMatchObject({ id: "app", state: "running", calls: 7, lastError: undefined });
    expect(await instances.get("app")?.onImport("a:b/get@1.0.0", "get", ["x"])).toBe("store has x");
    expect(await bound.get("store:app:exports")?.call("a:b/on", "event", [1])).toBe("app a:b/on#event(1)");
  });

  test("counts the calls over each link, and what providers count, as long as they are there", async ({ expect }) => {
    const metrics = createMetricsRegistry();
    const { host, bound, instances } = createWorld(undefined, undefined, false, metrics);
    await using _ = host;
    await host.apply(desired);
    await instances.get("app")?.onImport("a:b/get@1.0.0", "get", ["x"]);
    await expect(instances.get("app")?.onImport("a:b/get@1.0.0", "get", ["none"])).rejects.toThrow("no-such-key");
    await bound.get("store:app:exports")?.call("a:b/on", "event", [1]);
    const measured = (name: string): unknown[] =>
      metrics
        .families()
        .find((family) => family.name === name)
        ?.samples.map(({ labels, ...rest }) => [
          Object.values(labels).join(),
          "value" in rest ? rest.value : rest.count,
        ]) ?? [];
    expect(measured("petiole_link_calls_total")).toEqual([
      ["app,store,default", 2],
      ["store,app,default", 1],
    ]);
    expect(measured("petiole_link_call_errors_total")).toEqual([["wit-error,app,store,default", 1]]);
    expect(measured("petiole_link_calls_in_flight")).toContainEqual(["app,store,default", 0]);
    expect(measured("petiole_link_call_duration_seconds")).toContainEqual(["app,store,default", 2]);
    expect(measured("petiole_fake_gets_total")).toEqual([["store", 1]]);
    await host.apply({ components: [app], providers: [], links: [] });
    expect(metrics.families()).toEqual([]);
  });

  test("swaps the provider of a link without restarting the component", async ({ expect }) => {
    const { host, events, instances } = createWorld();
    await using _ = host;
    await host.apply(desired);
    events.length = 0;
    const two = { ...desired, providers: [...desired.providers, { id: "other", type: "fake", config: {} }] };
    await host.apply({ ...two, links: [link("app", "other", "a:b/get"), link("store", "app", "a:b/on")] });
    expect(events).toEqual(["start other", "bind other:app imports", "unbind store:app imports"]);
    expect(await instances.get("app")?.onImport("a:b/get", "get", ["x"])).toBe("other has x");
  });

  test("keeps a link whose successor cannot be bound, and ends it once that can", async ({ expect }) => {
    const { host, events, instances, faults } = createWorld();
    await using _ = host;
    await host.apply(desired);
    faults.push(new PetioleError("ERR_PROVIDER_START", "no server there"));
    const two = { ...desired, providers: [...desired.providers, { id: "other", type: "fake", config: {} }] };
    const swapped = { ...two, links: [link("app", "other", "a:b/get"), link("store", "app", "a:b/on")] };
    await host.apply(swapped);
    expect(host.status().links).toMatchObject([{ target: "other", state: "waiting" }, { state: "bound" }]);
    expect(await instances.get("app")?.onImport("a:b/get", "get", ["x"])).toBe("store has x");
    expect(events).not.toContain("unbind store:app imports");
    await host.apply(swapped);
    expect(await instances.get("app")?.onImport("a:b/get", "get", ["x"])).toBe("other has x");
    expect(events.at(-1)).toBe("unbind store:app imports");
  });

  test("lets a call end on the link that it began on, and gives no further one to it", async ({ expect }) => {
    const { host, events, instances, gates } = createWorld();
    await using _ = host;
    await host.apply(desired);
    const gate = Promise.withResolvers<void>();
    gates.push(gate.promise);
    const slow = instances.get("app")?.onImport("a:b/get", "get", ["x"]);
    const two = { ...desired, providers: [...desired.providers, { id: "other", type: "fake", config: {} }] };
    const applying = host.apply({ ...two, links: [link("app", "other", "a:b/get"), link("store", "app", "a:b/on")] });
    await waitFor("the other link", () => events.includes("bind other:app imports"));
    expect(await instances.get("app")?.onImport("a:b/get", "get", ["y"])).toBe("other has y");
    expect(events).not.toContain("unbind store:app imports");
    gate.resolve();
    expect(await slow).toBe("store has x");
    await applying;
    expect(events.at(-1)).toBe("unbind store:app imports");
  });

  test("has a call wait for a link that goes and comes again, but not for long", async ({ expect }) => {
    const { host, instances } = createWorld();
    await using _ = host;
    await host.apply(desired);
    await host.apply({ ...desired, links: [] });
    const waiting = instances.get("app")?.onImport("a:b/get", "get", ["x"]);
    await host.apply(desired);
    expect(await waiting).toBe("store has x");
    await host.apply({ ...desired, links: [] });
    await expect(instances.get("app")?.onImport("a:b/get", "get", ["x"])).rejects.toMatchObject({
      code: "ERR_PROVIDER_STOPPED",
    });
  });

  test("refuses a component with an import that no link serves, names it, and starts it once the link is there", async ({
    expect,
  }) => {
    const { host } = createWorld();
    await using _ = host;
    await host.apply({ ...desired, links: [] });
    expect(host.status().components[0]).toMatchObject({
      state: "failed",
      lastError: { code: "ERR_LINK_MISSING", message: expect.stringContaining("imports a:b/get@1.0.0") },
    });
    await host.apply(desired);
    expect(host.status().components[0]).toMatchObject({ state: "running", lastError: undefined });
  });

  test("starts a component whose file is what its digest says, and takes a new digest for a change", async ({
    expect,
  }) => {
    const { host, events } = createWorld();
    await using _ = host;
    const wrong = `sha256:${"1".repeat(64)}`;
    await host.apply({ ...desired, components: [{ ...app, digest: wrong }] });
    expect(host.status().components[0]).toMatchObject({
      state: "failed",
      lastError: { code: "ERR_COMPONENT_DIGEST", message: expect.stringContaining(`found sha256:00, want ${wrong}`) },
    });
    const pinned = { ...desired, components: [{ ...app, digest: "sha256:00" }] };
    await host.apply(pinned);
    expect(host.status().components[0]).toMatchObject({ state: "running", lastError: undefined });
    events.length = 0;
    await host.apply(pinned);
    expect(events).toEqual([]);
    // The content of a file is looked at when another one is wanted; the same bytes go on.
    await host.apply(desired);
    expect(events).toEqual([]);
    await host.apply({ ...desired, components: [{ ...app, digest: wrong }] });
    expect(events).toEqual([]);
    expect(host.status().components[0]).toMatchObject({
      state: "running",
      digest: "sha256:00",
      update: { state: "refused", from: "sha256:00" },
      lastError: { code: "ERR_COMPONENT_DIGEST" },
    });
  });

  test("leaves alone what stays the same when other items come, change and go", async ({ expect }) => {
    const { host, events } = createWorld();
    await using _ = host;
    const [a, b, c] = [componentSpec("a"), componentSpec("b"), componentSpec("c")];
    const serve = (...ids: string[]): LinkSpec[] => ids.map((id) => link(id, "store", "a:b/get"));
    await host.apply({
      ...desired,
      components: [app, b, c],
      links: [...desired.links, ...serve("b", "c")],
    });
    events.length = 0;
    const changed = { ...b, config: { limit: "40" } };
    await host.apply({ ...desired, components: [app, changed, a], links: [...desired.links, ...serve("b", "a")] });
    expect(events.filter((event) => / app$|:app /.test(event))).toEqual([]);
    expect(events.filter((event) => event.startsWith("st")).sort()).toEqual(["start a", "start b", "stop b", "stop c"]);
  });

  test("runs the rest when one component cannot start", async ({ expect }) => {
    const { host } = createWorld();
    await using _ = host;
    await host.apply({ ...desired, components: [app, { ...app, id: "bad", file: "/broken.wasm" }] });
    const byId = new Map(host.status().components.map((status) => [status.id, status]));
    expect(byId.get("app")?.state).toBe("running");
    expect(byId.get("bad")).toMatchObject({ state: "failed", lastError: { code: "ERR_COMPONENT_INVALID" } });
  });

  test("reports an interface that the component does not export and one that the provider does not have", async ({
    expect,
  }) => {
    const { host } = createWorld();
    await using _ = host;
    await host.apply({ ...desired, links: [link("app", "store", "a:b/get"), link("store", "app", "a:b/off")] });
    expect(host.status().components[0]?.lastError).toMatchObject({
      code: "ERR_LINK_INVALID",
      message: expect.stringContaining("does not call a:b/off, it has a:b/on"),
    });
  });

  test("reports a provider type that does not exist and lists those that do", async ({ expect }) => {
    const { host } = createWorld();
    await using _ = host;
    await host.apply({ ...desired, providers: [{ id: "store", type: "nosuch", config: {} }] });
    expect(host.status().providers[0]?.lastError).toMatchObject({
      code: "ERR_PROVIDER_UNKNOWN",
      message: expect.stringContaining('no type "nosuch", want one of fake'),
    });
  });

  test("tries a provider again that failed for its environment, then binds its links", async ({ expect }) => {
    const { host, faults, instances } = createWorld();
    await using _ = host;
    faults.push(new PetioleError("ERR_PROVIDER_START", "port in use"));
    await host.apply(desired);
    expect(host.status().providers[0]).toMatchObject({ state: "failed", lastError: { code: "ERR_PROVIDER_START" } });
    const call = async (): Promise<unknown> => await instances.get("app")?.onImport("a:b/get", "get", ["x"]);
    await expect(call()).rejects.toMatchObject({ code: "ERR_PROVIDER_STOPPED" });
    await expect.poll(() => host.status().providers[0]?.state, { timeout: 5000 }).toBe("running");
    await expect.poll(call, { timeout: 5000 }).toBe("store has x");
  });

  test("stops everything in order when disposed", async ({ expect }) => {
    const { host, events } = createWorld();
    await host.apply(desired);
    events.length = 0;
    await host[Symbol.asyncDispose]();
    expect(events).toEqual(["unbind store:app exports", "unbind store:app imports", "stop app", "stop store"]);
  });

  test("serialises concurrent changes: the last one holds", async ({ expect }) => {
    const { host, events } = createWorld();
    await using _ = host;
    await Promise.all([
      host.apply(desired),
      host.apply({ components: [], providers: [], links: [] }),
      host.apply(desired),
    ]);
    expect(host.status().components[0]?.state).toBe("running");
    expect(events.filter((event) => event === "start app")).toHaveLength(1);
  });
});

describe("in a lattice", () => {
  test("lets other hosts call a component that is all there, and ends that before anything else", async ({
    expect,
  }) => {
    const { host, events, callers } = createWorld(undefined, undefined, true);
    await host.apply({ ...desired, links: [link("app", "store", "a:b/get")] });
    expect(events).toEqual(["start store", "bind store:app imports", "start app", "serve app a:b/on@1.0.0"]);
    expect(await callers.get("app")?.("a:b/on", "event", [2])).toBe("app a:b/on#event(2)");
    events.length = 0;
    await host[Symbol.asyncDispose]();
    expect(events).toEqual(["unserve app", "unbind store:app imports", "stop app", "stop store"]);
    await expect(callers.get("app")?.("a:b/on", "event", [2])).rejects.toMatchObject({ code: "ERR_COMPONENT_STOPPED" });
  });

  test("goes on taking calls for a component that is replaced, until it does not come back", async ({ expect }) => {
    const { host, events, callers, instances } = createWorld(undefined, undefined, true);
    await using _ = host;
    const state = { ...desired, links: [link("app", "store", "a:b/get")] };
    await host.apply(state);
    events.length = 0;
    const replaced = host.apply({ ...state, components: [{ ...app, env: { X: "1" } }] });
    const answer = callers.get("app")?.("a:b/on", "event", [3]);
    await replaced;
    expect(await answer).toBe("app a:b/on#event(3)");
    expect(instances.get("app")?.env).toEqual({ X: "1" });
    expect(events.filter((event) => event.includes("serve"))).toEqual([]);
    await host.apply({ ...state, components: [{ ...app, env: { X: "2" } }], links: [] });
    expect(host.status().components[0]).toMatchObject({ state: "failed", lastError: { code: "ERR_LINK_MISSING" } });
    expect(events).toContain("unserve app");
  });

  test("binds a provider to components elsewhere, when it can be", async ({ expect }) => {
    const links = [link("far", "store", "a:b/get"), link("store", "far", "a:b/on")];
    const { host, bound } = createWorld(undefined, undefined, true);
    await using _ = host;
    await host.apply({ ...desired, links: [...links, ...desired.links] });
    expect([...bound.values()].map(({ component, direction, elsewhere }) => [component, direction, elsewhere])).toEqual(
      [
        ["app", "imports", false],
        ["far", "imports", true],
        ["far", "exports", true],
        ["app", "exports", false],
      ],
    );
    await expect(bound.get("store:far:exports")?.call("a:b/on", "event", [])).rejects.toMatchObject({
      code: "ERR_LINK_INVALID",
    });

    const alone = createWorld();
    await using __ = alone.host;
    await alone.host.apply({ ...desired, links });
    expect(alone.bound.size).toBe(0);
    expect(alone.host.status().providers[0]).toMatchObject({ state: "running", lastError: undefined });
  });
});

describe("trust", () => {
  const shown = { trusted: true, signers: ["release"], version: "1.0.0", reason: undefined };
  const desired: DesiredState = { components: [app], providers: [], links: [] };

  test("is asked before a component starts, shown, and told when it runs", async ({ expect }) => {
    const order: string[] = [];
    const { host, events } = createWorld([], {
      check: async ({ id }, { digest }) => {
        order.push(`check ${id} ${digest}`);
        return { shown, confirm: async () => void order.push(`confirm after ${events.join()}`) };
      },
    });
    await host.apply(desired);
    expect(order).toEqual(["check app sha256:00", "confirm after start app"]);
    expect(host.status().components[0]?.trust).toEqual(shown);
    await host[Symbol.asyncDispose]();
  });

  test("is not told of a component that does not start", async ({ expect }) => {
    let confirmed = 0;
    const { host } = createWorld(["a:b/nobody@1.0.0"], {
      check: async () => ({ shown, confirm: async () => void confirmed++ }),
    });
    await host.apply(desired);
    expect(host.status().components[0]).toMatchObject({ state: "failed", lastError: { code: "ERR_LINK_MISSING" } });
    expect(confirmed).toBe(0);
    await host[Symbol.asyncDispose]();
  });

  test("keeps a component from starting", async ({ expect }) => {
    const { host, events } = createWorld([], {
      check: () => Promise.reject(new PetioleError("ERR_TRUST_UNSIGNED", "nobody has signed it")),
    });
    await host.apply(desired);
    expect(events).toEqual([]);
    expect(host.status().components[0]).toMatchObject({
      state: "failed",
      trust: undefined,
      lastError: { code: "ERR_TRUST_UNSIGNED" },
    });
    await host[Symbol.asyncDispose]();
  });
});
