// A hub, a device that is a host of its lattice, and a client that sends what wash, wadm and the control crate send.

import { connect, type Msg, type NatsConnection } from "@nats-io/transport-node";
import { exampleComponent, startAgent, type TestAgent } from "../../support/agent.ts";
import { startNats, type NatsOptions, type TestNats } from "../../support/nats.ts";
import { waitFor } from "../../support/wait-for.ts";
import { dirname } from "node:path";

export type Json = Readonly<Record<string, unknown>>;

export interface ControlReply {
  readonly success: boolean;
  readonly message: string;
  readonly response?: unknown;
}

export interface SeenEvent {
  readonly subject: string;
  readonly body: Json;
  readonly data: Json;
}

export interface LatticeRig extends AsyncDisposable {
  readonly hub: TestNats;
  readonly agent: TestAgent;
  readonly client: NatsConnection;
  /** Public key of the host. */
  readonly host: string;
  /** Sends a command; `{h}` in it stands for the host. */
  ask(verb: string, body?: unknown): Promise<ControlReply>;
  /** What answers within the time that clients collect answers for. */
  collect(verb: string, body: unknown, time?: number): Promise<ControlReply[]>;
  events(name?: string): SeenEvent[];
  /** The next event of this name after what was seen when it is called, whose data fit. */
  next(name: string, fits?: (data: Json) => boolean): Promise<SeenEvent>;
  inventory(): Promise<Inventory>;
}

export interface Inventory {
  readonly components: readonly (Json & { readonly id: string })[];
  readonly providers: readonly (Json & { readonly id: string })[];
  readonly labels: Readonly<Record<string, string>>;
  readonly [key: string]: unknown;
}

export const SMOOTHER = `file://${exampleComponent("smoother")}`;
export const BUTTON_LAMP = `file://${exampleComponent("button-lamp")}`;
/** Above the folders of all examples. */
export const COMPONENTS_FOLDER = dirname(dirname(dirname(exampleComponent("smoother"))));

export interface RigOptions {
  readonly nats?: NatsOptions;
  readonly lattice?: Json;
  /** Added to the agent's configuration. */
  readonly config?: Json | ((hub: TestNats) => Json);
  readonly onHub?: (hub: TestNats) => void;
}

export async function startLatticeRig(options: RigOptions = {}): Promise<LatticeRig> {
  await using stack = new AsyncDisposableStack();
  const hub = stack.use(await startNats({ jetstream: true, ...options.nats }));
  options.onHub?.(hub);
  const client = await connect({ servers: hub.url, reconnectTimeWait: 100, maxReconnectAttempts: -1 });
  stack.defer(() => client.close());
  const seen: SeenEvent[] = [];
  client.subscribe("wasmbus.evt.>", {
    callback: (_error, message) => {
      const body = message.json<Json>();
      seen.push({ subject: message.subject, body, data: body["data"] as Json });
    },
  });
  await client.flush();
  const agent = stack.use(
    await startAgent({
      hub: { mode: "direct", urls: [hub.url] },
      lattice: { heartbeat: "1s", components_folder: COMPONENTS_FOLDER, ...options.lattice },
      ...(typeof options.config === "function" ? options.config(hub) : options.config),
    }),
  );
  const lattice = (options.lattice?.["name"] as string | undefined) ?? "default";
  const host = await waitFor(
    "the host to start",
    () => seen.find(({ subject }) => subject === `wasmbus.evt.${lattice}.host_started`)?.body["source"],
  );
  const subjectOf = (verb: string): string => `wasmbus.ctl.v1.${lattice}.${verb.replace("{h}", String(host))}`;
  const payload = (body: unknown): string | Uint8Array =>
    body === undefined ? "" : typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body);
  const ask = async (verb: string, body?: unknown): Promise<ControlReply> =>
    (await client.request(subjectOf(verb), payload(body), { timeout: 15_000 })).json<ControlReply>();
  const owned = stack.move();

  return {
    hub,
    agent,
    client,
    host: String(host),
    ask,
    collect: async (verb, body, time = 2000) => {
      const answers: Msg[] = [];
      for await (const message of await client.requestMany(subjectOf(verb), payload(body), {
        strategy: "timer",
        maxWait: time,
      })) {
        answers.push(message);
      }
      return answers.map((message) => message.json<ControlReply>());
    },
    events: (name) => seen.filter(({ subject }) => name === undefined || subject === `wasmbus.evt.${lattice}.${name}`),
    next: (name, fits = () => true) => {
      const from = seen.length;
      const subject = `wasmbus.evt.${lattice}.${name}`;
      const found = waitFor(`the event ${name}`, () =>
        seen.slice(from).find((event) => event.subject === subject && fits(event.data)),
      ).catch((cause: unknown) => {
        throw new Error(`${String(cause)}\n${agent.output().slice(-4000)}`, { cause });
      });
      // A test that fails before it awaits this has its own reason.
      found.catch(() => {});
      return found;
    },
    inventory: async () => (await ask("host.get.{h}")).response as Inventory,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** As the control crate fills it in. */
export const scaleCommand = (rig: Pick<LatticeRig, "host">, more: Json): Json => ({
  component_ref: SMOOTHER,
  component_id: "smooth",
  annotations: null,
  count: 1,
  host_id: rig.host,
  config: [],
  allow_update: false,
  ...more,
});

export const startProviderCommand = (rig: Pick<LatticeRig, "host">, more: Json): Json => ({
  provider_id: "store",
  provider_ref: "petiole://keyvalue-memory",
  host_id: rig.host,
  config: [],
  annotations: null,
  ...more,
});

export const link = (more: Json): Json => ({
  source_id: "smooth",
  target: "store",
  name: "default",
  wit_namespace: "wasi",
  wit_package: "keyvalue",
  interfaces: ["store", "atomics"],
  source_config: [],
  target_config: [],
  ...more,
});
