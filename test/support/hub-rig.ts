import { jetstreamManager, type JetStreamManager, type StreamConfig } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { connectNats, type LatticeConnection } from "../../src/adapters/lattice/connection.ts";
import { createForwarder, type Forwarder, type ForwarderOptions } from "../../src/adapters/lattice/forwarder.ts";
import { createHubEcho } from "../../src/adapters/lattice/hub-echo.ts";
import { startHubMonitor, type RunningHubMonitor } from "../../src/adapters/leaf/hub-monitor.ts";
import { probeLeafz } from "../../src/adapters/leaf/leafz.ts";
import { createLeafLogins, type LeafLogins } from "../../src/adapters/leaf/leaf-logins.ts";
import { startLeafServer, type LeafServer } from "../../src/adapters/leaf/leaf-server.ts";
import { probeServer } from "../../src/adapters/leaf/find-server.ts";
import { LANES, type Lane } from "../../src/domain/outbox.ts";
import { millis, seconds } from "../../src/domain/units.ts";
import type { OutboxSource } from "../../src/host/ports.ts";
import { silentLogger } from "../../src/lib/log.ts";
import type { MemoryOutbox } from "./memory-outbox.ts";
import { startNats, testNatsBinary, type NatsOptions, type TestNats } from "./nats.ts";
import { tempFolder } from "./processes.ts";
import { storedMessages } from "./stored-messages.ts";
import { startTcpProxy, type TcpProxy } from "./tcp-proxy.ts";

export type LinkMode = "direct" | "leaf";

/** What the hub holds of one device, in stream order. */
export interface HubMessage {
  readonly subject: string;
  readonly seq: number;
  readonly store: string;
  readonly body: string;
  readonly headers: ReadonlyMap<string, string>;
}

/** A hub, the link to it, and a device's connection. */
export interface HubRig extends AsyncDisposable {
  readonly hub: TestNats;
  /** Between the device and the hub. */
  readonly link: TcpProxy;
  readonly connection: LatticeConnection;
  readonly domain: string | undefined;
  /** The device's own server in leaf mode. */
  readonly leaf: LeafServer | undefined;
  /** Not through the link. */
  readonly manager: JetStreamManager;
  forwarder(source: OutboxSource, options?: Partial<ForwarderOptions>): Forwarder;
  /** Makes the stream as a test wants it, with a duplicate window too short to hide a message sent twice. */
  createStream(config?: Partial<StreamConfig>): Promise<void>;
  messages(device?: string): Promise<HubMessage[]>;
}

export const DEVICE = "press-7";
const STREAM = "FLEET";
const DOMAIN = "hub";
const NANOSECONDS = 1_000_000;

export interface HubRigOptions extends Pick<NatsOptions, "config" | "storeDir"> {
  readonly binary: string;
  readonly mode: LinkMode;
  readonly jetstream?: boolean;
}

export async function startHubRig(options: HubRigOptions): Promise<HubRig> {
  const { binary, mode } = options;
  const domain = mode === "leaf" ? DOMAIN : undefined;
  await using stack = new AsyncDisposableStack();
  let port = 0;
  const link = stack.use(await startTcpProxy({ port: () => port }));
  const hub = stack.use(
    await startNats({
      binary,
      jetstream: options.jetstream ?? true,
      leafnodes: true,
      leafPortAdvertised: link.port,
      ...(domain === undefined ? {} : { domain }),
      ...(options.config === undefined ? {} : { config: options.config }),
      ...(options.storeDir === undefined ? {} : { storeDir: options.storeDir }),
    }),
  );
  const logins = createLeafLogins();
  port = mode === "leaf" ? hub.leafPort : hub.port;
  const leaf = mode === "leaf" ? await startLeaf(link.port, logins, stack) : undefined;
  const url = leaf?.url ?? `nats://127.0.0.1:${link.port}`;
  const connection = stack.use(
    connectNats({
      servers: [url],
      ...(leaf === undefined ? {} : { nkeySeed: logins.uplink.seed }),
      name: DEVICE,
      log: silentLogger,
      backoff: { initial: millis(50), max: millis(200) },
      connectTimeout: seconds(1),
      pingInterval: seconds(1),
    }),
  );
  const manager = async (): Promise<JetStreamManager> => {
    const client = await connect({ servers: hub.url, maxReconnectAttempts: -1, reconnectTimeWait: 100 });
    // Closed, not drained: a drain fails while the hub is down.
    stack.defer(() => client.close());
    return jetstreamManager(client, { checkAPI: false, ...(domain === undefined ? {} : { domain }) });
  };
  const direct = await manager();
  const kept = stack.move();
  return {
    hub,
    link,
    connection,
    domain,
    leaf,
    manager: direct,
    forwarder: (source, extra = {}) =>
      createForwarder({
        source,
        connection,
        device: DEVICE,
        stream: { domain },
        log: silentLogger,
        ackTimeout: seconds(1),
        requestTimeout: seconds(1),
        backoff: { initial: millis(50), max: millis(200) },
        drain: { messages: undefined, bytes: undefined, jitter: millis(0) },
        ...extra,
      }),
    createStream: async (config = {}) => {
      await direct.streams.add({
        name: STREAM,
        subjects: ["petiole.*.>"],
        storage: "file",
        duplicate_window: 100 * NANOSECONDS,
        ...config,
      });
    },
    messages: (device = DEVICE) => readMessages(direct, device),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** Watches the rig's link, with short pauses. The caller disposes it. */
export function watchHub({ connection, leaf, domain }: HubRig, asked = domain): RunningHubMonitor {
  return startHubMonitor({
    mode: leaf === undefined ? "direct" : "leaf",
    probePath: (timeout) =>
      leaf === undefined
        ? { up: connection.state().connected, reason: connection.state().reason, server: connection.state().server }
        : probeLeafz({ monitorUrl: leaf.monitorUrl, server: leaf.version }, timeout),
    echo: createHubEcho({ connection, domain: asked }),
    log: silentLogger,
    pollInterval: millis(50),
    echoInterval: millis(300),
    echoTimeout: millis(200),
  });
}

async function startLeaf(hubLeafPort: number, logins: LeafLogins, stack: AsyncDisposableStack): Promise<LeafServer> {
  const binary = await testNatsBinary();
  const folder = stack.use(await tempFolder());
  return stack.use(
    await startLeafServer({
      folder: folder.path,
      binary: { path: binary, version: await probeServer(binary) },
      log: silentLogger,
      logins,
      settings: {
        device: DEVICE,
        listen: { host: "127.0.0.1", port: 0 },
        monitor: { host: "127.0.0.1", port: 0 },
        remote: { urls: [`nats-leaf://127.0.0.1:${hubLeafPort}`] },
        pingInterval: seconds(1),
      },
    }),
  );
}

async function readMessages(manager: JetStreamManager, device: string): Promise<HubMessage[]> {
  const found: HubMessage[] = [];
  for (const message of await storedMessages(manager, STREAM)) {
    if (!message.subject.startsWith(`petiole.${device}.`)) continue;
    const headers = new Map([...message.header].map(([name, values]) => [name, values.join()]));
    found.push({
      subject: message.subject,
      seq: Number(headers.get("Petiole-Seq")),
      store: headers.get("Petiole-Store") ?? "",
      body: new TextDecoder().decode(message.data),
      headers,
    });
  }
  return found;
}

/** Fills both lanes over several subjects and returns how many messages it was. */
export function fillOutbox(source: MemoryOutbox, count: number): number {
  for (let i = 0; i < count; i++) source.add(i % 4 === 0 ? "critical" : "standard", `readings.s${i % 7}`);
  return count;
}

/** The rows of a lane as the hub must show them: each once, in order. */
export function expectedLane(source: MemoryOutbox, lane: Lane): string[] {
  return source.rows(lane).map((row) => `${row.seq} petiole.${DEVICE}.${lane}.${row.subject}`);
}

export function laneOf(messages: readonly HubMessage[], lane: Lane): string[] {
  return messages
    .filter(({ subject }) => subject.startsWith(`petiole.${DEVICE}.${lane}.`))
    .map(({ seq, subject }) => `${seq} ${subject}`);
}

/** True when the source counts every row of both lanes as acknowledged. */
export function isDrained(source: MemoryOutbox): boolean {
  return LANES.every((lane) => source.acknowledgedNow(lane) >= (source.rows(lane).at(-1)?.seq ?? 0));
}
