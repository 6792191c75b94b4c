// A hub with components in an object store, a device that is a host for the operator, and a client that asks as the operator
// does.

import { jetstreamManager } from "@nats-io/jetstream";
import { Objm } from "@nats-io/obj";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { exampleComponent, fixtureComponent, startAgent, type TestAgent } from "../../support/agent.ts";
import { startNats, type NatsOptions, type TestNats } from "../../support/nats.ts";
import { waitFor } from "../../support/wait-for.ts";
import {
  chance,
  HOST_HEARTBEAT,
  ID_REQUEST,
  readMessage,
  START_REQUEST,
  STATUS_RESPONSE,
  writeMessage,
} from "./protojson.ts";

export type Json = Readonly<Record<string, unknown>>;

export interface SeenStatus {
  readonly workloadId: string;
  readonly workloadState: string;
  readonly message?: string;
}

export interface OperatorRig extends AsyncDisposable {
  readonly hub: TestNats;
  readonly agent: TestAgent;
  readonly client: NatsConnection;
  /** Heartbeats so far, as the operator reads them. */
  readonly heartbeats: readonly Json[];
  /** The answer to a request of the operator's own making. */
  raw(command: string, body: string | Uint8Array, time?: number): Promise<string>;
  heartbeat(): Promise<Json>;
  start(workload: Json, id?: string): Promise<SeenStatus>;
  status(id: string): Promise<SeenStatus>;
  stop(id: string): Promise<SeenStatus>;
  /** Puts a component into the hub's object store. */
  put(name: string, fixture: string): Promise<void>;
  putBytes(name: string, bytes: Uint8Array): Promise<void>;
  /** Asks for the status until it is the one. */
  reach(id: string, state: string): Promise<SeenStatus>;
}

export const HOST = "gw-1";
export const RUNNING = "WORKLOAD_STATE_RUNNING";
export const STOPPING = "WORKLOAD_STATE_STOPPING";
export const ERROR = "WORKLOAD_STATE_ERROR";
export const NOT_FOUND = "WORKLOAD_STATE_NOT_FOUND";

/** A small component that hears messages, and publishes. */
export const BARE = "nats-object://components/bare.wasm";
export const SMOOTHER = "nats-object://components/smoother.wasm";
export const HTTP = "nats-object://components/http.wasm";

export const SEED = 20_261_128;

export interface RigOptions {
  readonly nats?: NatsOptions;
  readonly operator?: Json;
  /** Added to the agent's configuration. */
  readonly config?: Json | ((hub: TestNats) => Json);
}

export async function startOperatorRig(options: RigOptions = {}): Promise<OperatorRig> {
  await using stack = new AsyncDisposableStack();
  const hub = stack.use(await startNats({ jetstream: true, ...options.nats }));
  const client = await connect({ servers: hub.url, reconnectTimeWait: 100, maxReconnectAttempts: -1 });
  stack.defer(() => client.close());
  const store = await new Objm((await jetstreamManager(client)).jetstream()).create("components");
  for (const [name, file] of [
    ["bare.wasm", fixtureComponent("bare")],
    ["http.wasm", fixtureComponent("http")],
    ["smoother.wasm", exampleComponent("smoother")],
  ] as const) {
    await store.putBlob({ name }, await readFile(file));
  }
  const heartbeats: Json[] = [];
  client.subscribe("runtime.operator.heartbeat.>", {
    callback: (_error, message) => {
      if (message.subject !== `runtime.operator.heartbeat.${HOST}`)
        throw new Error(`a heartbeat at ${message.subject}`);
      heartbeats.push(readMessage(HOST_HEARTBEAT, message.string()));
    },
  });
  await client.flush();
  const agent = stack.use(
    await startAgent({
      hub: { mode: "direct", urls: [hub.url] },
      operator: { heartbeat: "1s", ...options.operator },
      ...(typeof options.config === "function" ? options.config(hub) : options.config),
    }),
  );
  await waitFor("a heartbeat", () => heartbeats.length > 0);

  const random = chance(SEED);
  const raw: OperatorRig["raw"] = async (command, body, timeout = 60_000) =>
    (await client.request(`runtime.host.${HOST}.${command}`, body, { timeout })).string();
  const askStatus = async (command: string, text: string, id: string): Promise<SeenStatus> => {
    const reply = readMessage(STATUS_RESPONSE, await raw(command, text));
    const status = reply["workloadStatus"] as SeenStatus | undefined;
    // The operator looks into it without asking whether it is there.
    if (status?.workloadId !== id) throw new Error(`a reply for another workload: ${JSON.stringify(reply)}`);
    return status;
  };
  const byId = (command: string) => async (id: string) =>
    await askStatus(command, writeMessage(ID_REQUEST, { workloadId: id }, random), id);
  const status = byId("workload.status");
  const owned = stack.move();

  return {
    hub,
    agent,
    client,
    heartbeats,
    raw,
    heartbeat: async () => readMessage(HOST_HEARTBEAT, await raw("heartbeat", "{}", 5000)),
    start: async (workload, id = randomUUID()) =>
      await askStatus("workload.start", writeMessage(START_REQUEST, { workload, workloadId: id }, random), id),
    status,
    stop: byId("workload.stop"),
    putBytes: async (name, bytes) => void (await store.putBlob({ name }, bytes)),
    put: async (name, fixture) => void (await store.putBlob({ name }, await readFile(fixtureComponent(fixture)))),
    reach: async (id, state) => {
      let last: SeenStatus | undefined;
      try {
        return await waitFor(`the state ${state}`, async () => {
          last = await status(id);
          return last.workloadState === state ? last : undefined;
        });
      } catch (cause) {
        throw new Error(`${JSON.stringify(last)}\n${agent.output().slice(-4000)}`, { cause });
      }
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** As the operator fills it in for a deployment. */
export function workload(more: {
  readonly name?: string;
  readonly components?: readonly Json[];
  readonly hostInterfaces?: readonly Json[];
  readonly rest?: Json;
}): Json {
  const { name = "hello-597cb4ddcb-69f68d8984", components = [component({})], hostInterfaces = [MESSAGING] } = more;
  return {
    namespace: "default",
    name,
    annotations: { "runtime.wasmcloud.dev/workload-replica-set-generation": "6b8d9c7f5" },
    witWorld: { components, hostInterfaces },
    ...more.rest,
  };
}

export const component = (more: Json): Json => ({
  name: "hello",
  image: BARE,
  imagePullPolicy: "IMAGE_PULL_POLICY_IF_NOT_PRESENT",
  localResources: {},
  ...more,
});

export const MESSAGING: Json = {
  namespace: "wasmcloud",
  package: "messaging",
  interfaces: ["consumer", "handler", "types"],
};
