import { join } from "node:path";
import { createForwarder, type Forwarder } from "../adapters/lattice/forwarder.ts";
import { connectNats, type LatticeConnection } from "../adapters/lattice/connection.ts";
import { createHubEcho } from "../adapters/lattice/hub-echo.ts";
import { createMessageBus } from "../adapters/lattice/message-bus.ts";
import { startHubMonitor } from "../adapters/leaf/hub-monitor.ts";
import { probeLeafz } from "../adapters/leaf/leafz.ts";
import type { PathSample } from "../adapters/leaf/link-model.ts";
import { canReach, startLinkWatchdog } from "../adapters/leaf/link-watchdog.ts";
import type { Config } from "../config/schema.ts";
import { PetioleError } from "../domain/errors.ts";
import type { HubLinkState } from "../domain/hub-link.ts";
import { millis, seconds, type Millis } from "../domain/units.ts";
import type { ForwarderControl, OutboxSource } from "../host/ports.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { MessageBus } from "../provider/services.ts";
import { createForwarderControl } from "./forwarder-control.ts";
import { createPausableSource } from "./pausable-source.ts";
import { keepLeafServer, type LeafServerKeeper } from "./leaf.ts";

export interface HubDeps {
  readonly config: Config;
  readonly source: OutboxSource;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Everything between the agent and the hub. Works from its creation on, whatever of it is there yet. */
export interface Hub extends AsyncDisposable {
  readonly bus: MessageBus;
  readonly forwarder: ForwarderControl;
  state(): HubLinkState;
}

/** A server on the same board is back within moments; a hub across a mobile network gets the client's own pauses. */
const LOCAL_BACKOFF = { initial: millis(200), max: seconds(5) };

export function openHub(deps: HubDeps): Hub {
  const { hub } = deps.config;
  return hub === undefined ? noHub : connectHub(deps, hub);
}

function connectHub(deps: HubDeps, hub: NonNullable<Config["hub"]>): Hub {
  const { config, source, clock, log } = deps;
  const leaf = hub.mode === "leaf" ? startLeaf(deps, hub) : undefined;
  const connection = connectNats({
    ...(leaf === undefined
      ? { servers: hub.urls, credentials: hub.credentials_file, tls: tlsOf(hub) }
      : { servers: [`nats://${config.leaf.listen}`], backoff: LOCAL_BACKOFF }),
    name: `petiole ${config.device.id}`,
    log: log.child({ part: "nats" }),
    clock,
  });
  const monitor = startHubMonitor({
    mode: hub.mode,
    probePath: leaf === undefined ? () => probeConnection(connection) : async (timeout) => probeLeaf(leaf, timeout),
    echo: createHubEcho({ connection, domain: hub.domain }),
    pollInterval: hub.poll_interval,
    echoInterval: hub.echo_interval,
    echoTimeout: hub.echo_timeout,
    log: log.child({ part: "hub" }),
    clock,
  });
  const watching = connection.onChange(() => monitor.check());
  const watchdog =
    leaf === undefined
      ? undefined
      : startLinkWatchdog({
          monitor,
          reachable: () => canReach(hub.urls, seconds(5)),
          restart: (reason) => leaf.current()?.restart(reason),
          log: log.child({ part: "leaf" }),
          clock,
        });
  const tap = createPausableSource(source);
  const forwarder: Forwarder = createForwarder({
    source: tap.source,
    connection,
    monitor,
    device: config.device.id,
    stream: { create: hub.stream.create, domain: hub.domain, ...(hub.stream.create ? { name: hub.stream.name } : {}) },
    log: log.child({ part: "forwarder" }),
    clock,
  });

  return {
    bus: createMessageBus({ connection, log: log.child({ part: "bus" }) }),
    forwarder: createForwarderControl({ tap, forwarder, clock }),
    state: () => withForwarder(monitor.state(), forwarder),
    async [Symbol.asyncDispose]() {
      await using stack = new AsyncDisposableStack();
      if (leaf !== undefined) stack.use(leaf);
      stack.use(connection);
      stack.use(monitor);
      stack.use(watchdog);
      stack.use(watching);
      stack.use(forwarder);
    },
  };
}

function startLeaf(deps: HubDeps, hub: NonNullable<Config["hub"]>): LeafServerKeeper {
  const { config, env, clock, log } = deps;
  return keepLeafServer({
    settings: {
      device: config.device.id,
      listen: parseAddress(config.leaf.listen),
      monitor: parseAddress(config.leaf.monitor),
      remote: { urls: hub.urls, credentials: hub.credentials_file, tls: tlsOf(hub) },
    },
    configured: config.leaf.server,
    folder: join(config.state_dir, "leaf"),
    env,
    clock,
    log: log.child({ part: "leaf" }),
  });
}

function probeConnection(connection: LatticeConnection): PathSample {
  const { connected, server, reason } = connection.state();
  return { up: connected, server, reason };
}

async function probeLeaf(leaf: LeafServerKeeper, timeout: Millis): Promise<PathSample> {
  const server = leaf.current();
  if (server === undefined) return { up: false, server: undefined, reason: leaf.reason() };
  const { monitorUrl, version } = server;
  return await probeLeafz({ monitorUrl, server: version, problem: server.linkProblem() }, timeout);
}

/** A link that is up while the outbox does not move is not what a person would call fine: say why. */
function withForwarder(state: HubLinkState, forwarder: Forwarder): HubLinkState {
  if (state.reason !== undefined || state.link !== "online") return state;
  const error = forwarder.state().lanes.find((lane) => lane.lastError !== undefined)?.lastError;
  return error === undefined ? state : { ...state, reason: `outbox: ${error.message}` };
}

/** With `tls://` anything but TLS is refused, also without a block of its own: the client looks at nothing else. */
function tlsOf(hub: NonNullable<Config["hub"]>): { ca?: string; cert?: string; key?: string } | undefined {
  if (hub.tls === undefined) return hub.urls.some((url) => url.startsWith("tls://")) ? {} : undefined;
  const { ca_file: ca, cert_file: cert, key_file: key } = hub.tls;
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}

/** The schema has checked the form. */
function parseAddress(address: string): { host: string; port: number } {
  const colon = address.lastIndexOf(":");
  return { host: address.slice(0, colon).replace(/^\[|\]$/g, ""), port: Number(address.slice(colon + 1)) };
}

function notConfigured(what: string): never {
  throw new PetioleError("ERR_LATTICE_UNREACHABLE", `Cannot ${what}: no hub is configured`);
}

const noHub: Hub = {
  bus: {
    publish: ({ subject }) => notConfigured(`publish to "${subject}"`),
    request: async (subject) => notConfigured(`send a request to "${subject}"`),
    // Nothing can arrive; a component that waits for messages waits until a hub is configured.
    subscribe: () => ({ [Symbol.asyncDispose]: async () => {} }),
  },
  forwarder: {
    pause: async () => {},
    resume: () => {},
    lift: () => {},
    state: () => ({ stream: undefined, lanes: [] }),
  },
  state: () => ({ link: "disabled", mode: "none", rtt: undefined, reason: undefined, server: undefined }),
  [Symbol.asyncDispose]: async () => {},
};
