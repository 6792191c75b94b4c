// Several devices in one lattice, and an end of links that the test itself is.

import { connectNats } from "../../src/adapters/lattice/connection.ts";
import { connectLatticeClient, type LatticeClient } from "../../src/adapters/lattice/wasmcloud/client.ts";
import { createWrpcClient } from "../../src/adapters/lattice/wrpc/client.ts";
import { serveWrpc } from "../../src/adapters/lattice/wrpc/server.ts";
import type { FunctionType } from "../../src/lib/wit/type.ts";
import { isPetioleError } from "../../src/domain/errors.ts";
import { millis, type Millis } from "../../src/domain/units.ts";
import { silentLogger } from "../../src/lib/log.ts";
import { fixtureComponent, startAgent, type TestAgent } from "./agent.ts";
import { startNats, type TestNats } from "./nats.ts";
import { freePort } from "./ports.ts";
import { waitFor } from "./wait-for.ts";
import { dirname } from "node:path";

/** The interface that the `types` fixture imports and exports: it hands calls on. */
export const MIRROR = "petiole:fixture-types/mirror@1.2.3";
const MIRROR_COMPONENT = `file://${fixtureComponent("types")}`;
const ADD: FunctionType = {
  params: [
    { name: "left", type: { kind: "u32" } },
    { name: "right", type: { kind: "s32" } },
  ],
  result: { kind: "f64" },
};
const LATTICE = "default";
/** A component is prepared by a process of its own, and the machine may be busy. */
const SLOW_MS = 60_000;

export interface LatticeDevice {
  readonly agent: TestAgent;
  /** Public key of the host. */
  readonly host: string;
  /** Has `count` instances of the mirror under this id, from 0 on; resolves once the host said so. */
  scale(id: string, count: number): Promise<void>;
  /** How many calls the component has ended here. */
  calls(id: string): Promise<number>;
}

interface Overheard extends Disposable {
  count(): number;
}

export interface LatticeHosts extends AsyncDisposable {
  readonly hub: TestNats;
  readonly client: LatticeClient;
  readonly devices: readonly LatticeDevice[];
  /** Links the mirror that `source` imports, and calls it until it is linked: it has to run somewhere. */
  link(source: string, target: string): Promise<void>;
  /** Calls `add` of a component over the lattice, as a provider on another host would. */
  add(target: string, left: number, right: number, timeout?: Millis): Promise<unknown>;
  /** Answers calls of `add` under the id `end`. */
  answer: (left: number, right: number) => Promise<number>;
  /** Counts the calls for `target` that go over the lattice from now on. While it does, nobody hears that there is none. */
  overhear(target: string): Promise<Overheard>;
}

/** `leaf`: the devices have a leaf node each, instead of a connection to the hub. */
export async function startLatticeHosts(count: number, mode: "direct" | "leaf" = "direct"): Promise<LatticeHosts> {
  await using stack = new AsyncDisposableStack();
  const leaf = mode === "leaf";
  const hub = stack.use(await startNats({ jetstream: true, ...(leaf ? { domain: "hub", leafnodes: true } : {}) }));
  const client = stack.use(
    await connectLatticeClient({
      server: hub.url,
      credentials: undefined,
      lattice: LATTICE,
      timeout: millis(15_000),
    }),
  );
  const connection = stack.use(connectNats({ servers: [hub.url], name: "test", log: silentLogger }));
  const live = await waitFor("the test's connection", () => connection.current());
  const wrpc = createWrpcClient({ connection, lattice: LATTICE, log: silentLogger });
  const add = (target: string) =>
    wrpc.remote({ target, instance: MIRROR, name: "add", type: ADD, source: "test", linkName: "default" });
  const started = new Map<string, string>();
  const scaled = new Map<string, number>();
  stack.use(
    await client.listen(({ name, host, data }) => {
      if (name === "host_started") started.set(String(data["friendly_name"]), host);
      if (name === "component_scaled")
        scaled.set(`${host} ${String(data["component_id"])}`, Number(data["max_instances"]));
    }),
  );
  const startDevice = async (index: number): Promise<LatticeDevice> => {
    const id = `device-${index + 1}`;
    const agent = stack.use(
      await startAgent({
        device: { id },
        ...(leaf ? await leafConfig(hub) : { hub: { mode: "direct", urls: [hub.url] } }),
        lattice: { heartbeat: "1s", components_folder: dirname(fixtureComponent("types")) },
      }),
    );
    const host = await waitFor(`${id} in the lattice`, () => started.get(id));
    return {
      agent,
      host,
      async scale(component, instances) {
        const key = `${host} ${component}`;
        scaled.delete(key);
        await client.ask(`component.scale.${host}`, {
          component_ref: MIRROR_COMPONENT,
          component_id: component,
          annotations: null,
          count: instances,
          host_id: host,
          config: [],
          allow_update: false,
        });
        await waitFor(`${instances} of ${component} on ${id}`, () => scaled.get(key) === instances, SLOW_MS);
      },
      calls: async (component) => (await agent.status()).components.find((one) => one.id === component)?.calls ?? 0,
    };
  };
  const devices: LatticeDevice[] = [];
  // One after another: together they would share the machine's cores.
  for (let index = 0; index < count; index++) devices.push(await startDevice(index));
  const hosts: Omit<LatticeHosts, typeof Symbol.asyncDispose> = {
    hub,
    client,
    devices,
    async link(source, target) {
      await client.ask("link.put", {
        source_id: source,
        target,
        name: "default",
        wit_namespace: "petiole",
        wit_package: "fixture-types",
        interfaces: ["mirror"],
        source_config: [],
        target_config: [],
      });
      await waitFor(`the link of ${source}`, async () => {
        const failure: unknown = await hosts.add(source, 0, 0).then(
          () => undefined,
          (error: unknown) => error,
        );
        return !isPetioleError(failure, "ERR_CALL_FAILED");
      });
    },
    add: async (target, left, right, timeout) =>
      await add(target)([left, right], timeout === undefined ? {} : { timeout }),
    answer: async (left, right) => left + right,
    async overhear(target) {
      let heard = 0;
      const spy = live.subscribe(`${LATTICE}.${target}.wrpc.>`, { callback: () => void heard++ });
      await live.flush();
      return { count: () => heard, [Symbol.dispose]: () => spy.unsubscribe() };
    },
  };
  stack.use(
    serveWrpc({
      connection,
      lattice: LATTICE,
      id: "end",
      functions: [
        {
          instance: MIRROR,
          name: "add",
          type: ADD,
          call: async ([left, right]) => await hosts.answer(Number(left), Number(right)),
        },
      ],
      log: silentLogger,
    }),
  );
  await live.flush();
  const owned = stack.move();
  return Object.assign(hosts, { [Symbol.asyncDispose]: () => owned.disposeAsync() });
}

async function leafConfig(hub: TestNats) {
  const [listen, monitor] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
  return { hub: { urls: [hub.leafUrl], domain: "hub" }, leaf: { listen, monitor } };
}
