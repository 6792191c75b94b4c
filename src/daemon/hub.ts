import { join } from "node:path";
import { createForwarder, type Forwarder } from "../adapters/lattice/forwarder.ts";
import { connectNats, type LatticeConnection } from "../adapters/lattice/connection.ts";
import { inboxRoot } from "../adapters/lattice/inbox.ts";
import { createHubEcho } from "../adapters/lattice/hub-echo.ts";
import { startLocalIntake } from "../adapters/lattice/local-intake.ts";
import { DESIRED_BUCKET, watchBucket, type BucketEntry, type BucketWatch } from "../adapters/lattice/desired-bucket.ts";
import { startInbound } from "../adapters/lattice/inbound.ts";
import { watchHubTime } from "../adapters/lattice/hub-time.ts";
import { createObjectReader } from "../adapters/lattice/object-reader.ts";
import { createMessageBus } from "../adapters/lattice/message-bus.ts";
import { startHubMonitor } from "../adapters/leaf/hub-monitor.ts";
import { createLeafLogins } from "../adapters/leaf/leaf-logins.ts";
import { secretFiles } from "../adapters/leaf/leaf-secrets.ts";
import { probeLeafz } from "../adapters/leaf/leafz.ts";
import { createProcessRelay } from "../adapters/leaf/process-relay.ts";
import type { PathSample } from "../adapters/leaf/link-model.ts";
import { canReach, startLinkWatchdog } from "../adapters/leaf/link-watchdog.ts";
import type { Config } from "../config/schema.ts";
import { PetioleError } from "../domain/errors.ts";
import type { HubLinkState } from "../domain/hub-link.ts";
import { millis, seconds, type Millis } from "../domain/units.ts";
import type { InboundStatus, StatusError } from "../domain/status.ts";
import type { ClockSync } from "../lib/clock-sync/clock-sync.ts";
import type { ForwarderControl, HubMonitor, InboundSink, ObjectReader, OutboxSource } from "../host/ports.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { drainLimitOf } from "./outbox-options.ts";
import type { MessageBus, Outbox } from "../provider/services.ts";
import { directLogin, type ProcessLogin } from "./process-login.ts";
import { keepLeafServer, type LeafServerKeeper } from "./leaf.ts";
import { watchHubFiles } from "./hub-files.ts";
import { leafSettings, localUrl, parseAddress, tlsFiles } from "./leaf-settings.ts";

export interface HubDeps {
  readonly config: Config;
  /** Why this device must not appear at the hub, if so. */
  readonly stranger?: StatusError | undefined;
  readonly source: OutboxSource;
  readonly outbox: Outbox;
  readonly inbox: InboundSink;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly clockSync: Pick<ClockSync, "trust" | "hear" | "onChange">;
  readonly log: Logger;
}

/** Everything between the agent and the hub. Works from its creation on, whatever of it is there yet. */
export interface Hub extends AsyncDisposable {
  /** Among the local clients in leaf mode, at the hub in direct mode. */
  readonly bus: MessageBus;
  readonly hubBus: MessageBus;
  readonly forwarder: ForwarderControl;
  /** The connection that reaches the hub; none without a hub. */
  readonly path: HubPath | undefined;
  readonly objects: ObjectReader;
  state(): HubLinkState;
  inbound(): InboundStatus;
  /**
   * Follows what the hub's bucket of desired states says for this device, when the configuration wants it. The caller
   * disposes it.
   */
  watchDesired(onEntry: (entry: BucketEntry) => Promise<void>): BucketWatch | undefined;
}

export interface HubPath {
  readonly connection: LatticeConnection;
  readonly monitor: HubMonitor;
  /** JetStream domain of the hub. */
  readonly domain: string | undefined;
  /**
   * How a process of its own reaches the same account; `credentials` is a file for processes alone, if there is one.
   * @throws PetioleError ERR_EXECUTABLE_LOGIN
   */
  login(credentials: string | undefined): Promise<ProcessLogin>;
}

type HubConfig = NonNullable<Config["hub"]>;

/** A server on the same board is back within moments. */
const LOCAL_BACKOFF = { initial: millis(200), max: seconds(5) };
/** One that ends in the middle of a log-in leaves the client waiting for this limit. */
const LOCAL_LIMIT = seconds(3);

export function openHub(deps: HubDeps): Hub {
  const { hub } = deps.config;
  if (hub === undefined) return withoutHub("no hub is configured", noLink);
  // In leaf mode the local server goes on, for its local clients.
  if (deps.stranger !== undefined && hub.mode === "direct") {
    return withoutHub("this is not the device that was enrolled", keptOff(hub, deps.stranger));
  }
  return hub.mode === "leaf" ? openLeafHub(deps, hub) : openDirectHub(deps, hub);
}

function openDirectHub(deps: HubDeps, hub: HubConfig): Hub {
  const { config, clock, log } = deps;
  const tls = hub.tls === undefined ? undefined : tlsFiles(hub.tls);
  const connection = connectNats({
    servers: hub.urls,
    credentials: hub.credentials_file,
    nkeyFile: hub.nkey_file,
    tls,
    pingInterval: hub.ping_interval,
    name: `petiole ${config.device.id}`,
    inboxRoot: inboxRoot(config.device.id),
    log: log.child({ part: "nats" }),
    clock,
  });
  const files = watchHubFiles({
    hub,
    files: [hub.credentials_file, hub.nkey_file, tls?.ca, tls?.cert, tls?.key].filter((path) => path !== undefined),
    onRenewed: () => connection.reconnect("connecting with renewed files"),
    clock,
    log: log.child({ part: "nats" }),
  });
  const link = watchLink(deps, hub, { connection, probePath: () => probeConnection(connection) });
  // A certificate that was not valid yet may be now.
  const clockChange = deps.clockSync.onChange(() => connection.retry());
  const bus = createMessageBus({ connection, log: log.child({ part: "bus" }) });
  return {
    bus,
    hubBus: bus,
    forwarder: link.forwarder,
    path: {
      connection,
      monitor: link.monitor,
      domain: hub.domain,
      login: (credentials) => directLogin(hub, credentials),
    },
    objects: link.objects,
    state: () => link.state(),
    inbound: () => link.inbound(),
    watchDesired: (onEntry) => link.watchDesired(onEntry),
    async [Symbol.asyncDispose]() {
      await using stack = new AsyncDisposableStack();
      stack.use(connection);
      stack.use(link);
      stack.use(files);
      stack.use(clockChange);
    },
  };
}

function openLeafHub(deps: HubDeps, hub: HubConfig): Hub {
  const { config, env, clock, log } = deps;
  const logins = createLeafLogins();
  const { stranger } = deps;
  const settings = leafSettings(config, stranger === undefined ? hub : undefined);
  const leafLog = log.child({ part: "leaf" });
  const leaf = keepLeafServer({
    settings,
    logins,
    configured: config.leaf.server,
    folder: join(config.state_dir, "leaf"),
    cacheDir: config.cache_dir,
    env,
    clock,
    log: leafLog,
  });
  const relay = createProcessRelay({
    target: parseAddress(localUrl(config.leaf.listen).slice("nats://".length)),
    login: logins.processes,
    log: leafLog,
  });
  const connect = (account: "uplink" | "local"): LatticeConnection =>
    connectNats({
      servers: [localUrl(config.leaf.listen)],
      nkeySeed: logins[account].seed,
      backoff: LOCAL_BACKOFF,
      connectTimeout: LOCAL_LIMIT,
      name: `petiole ${config.device.id} ${account}`,
      inboxRoot: inboxRoot(config.device.id),
      log: log.child({ part: "nats", account }),
      clock,
    });
  const [uplink, local] = [connect("uplink"), connect("local")];
  const link = watchLink(deps, hub, { connection: uplink, probePath: async (timeout) => probeLeaf(leaf, timeout) });
  const watchdog = startLinkWatchdog({
    monitor: link.monitor,
    // While the clock is wrong, no certificate of the hub is valid: a restart would not help.
    reachable: async () =>
      stranger === undefined && deps.clockSync.trust() !== "wrong" && (await canReach(hub.urls, seconds(5))),
    restart: (reason) => leaf.current()?.restart(reason),
    log: leafLog,
    clock,
  });
  const files = watchHubFiles({
    hub,
    files: secretFiles(settings),
    onRenewed: async (changed) => await leaf.current()?.reload(`these files changed: ${changed.join(", ")}`),
    clock,
    log: leafLog,
  });
  const intake = startLocalIntake({
    connection: local,
    routes: config.leaf.local?.outbox ?? [],
    outbox: deps.outbox,
    log: log.child({ part: "intake" }),
  });
  return {
    bus: createMessageBus({ connection: local, log: log.child({ part: "bus" }) }),
    hubBus: createMessageBus({ connection: uplink, log: log.child({ part: "bus", side: "hub" }) }),
    forwarder: link.forwarder,
    path: {
      connection: uplink,
      monitor: link.monitor,
      domain: hub.domain,
      login: async () => ({ url: await relay.url(), jwt: "", seed: "" }),
    },
    objects: link.objects,
    state: () => (stranger === undefined ? link.state() : { ...link.state(), ...keptOff(hub, stranger) }),
    inbound: () => link.inbound(),
    watchDesired: (onEntry) => link.watchDesired(onEntry),
    async [Symbol.asyncDispose]() {
      await using stack = new AsyncDisposableStack();
      stack.use(leaf);
      stack.use(relay);
      stack.use(local);
      stack.use(uplink);
      stack.use(link);
      stack.use(watchdog);
      stack.use(files);
      stack.use(intake);
    },
  };
}

interface Path {
  readonly connection: LatticeConnection;
  readonly probePath: (timeout: Millis) => Promise<PathSample> | PathSample;
}

interface WatchedLink
  extends AsyncDisposable, Pick<Hub, "state" | "forwarder" | "objects" | "inbound" | "watchDesired"> {
  readonly monitor: HubMonitor;
}

/** The monitor of the link, and what uses it: the forwarder, what comes from the hub. */
function watchLink(deps: HubDeps, hub: HubConfig, { connection, probePath }: Path): WatchedLink {
  const { config, source, clock, clockSync, log } = deps;
  const monitor = startHubMonitor({
    mode: hub.mode,
    probePath,
    echo: createHubEcho({ connection, domain: hub.domain }),
    pollInterval: hub.poll_interval,
    echoInterval: hub.echo_interval,
    echoTimeout: hub.echo_timeout,
    log: log.child({ part: "hub" }),
    clock,
  });
  const watching = connection.onChange(() => monitor.check());
  const forwarder: Forwarder = createForwarder({
    source,
    connection,
    monitor,
    device: config.device.id,
    stream: { create: hub.stream.create, domain: hub.domain, ...(hub.stream.create ? { name: hub.stream.name } : {}) },
    drain: drainLimitOf(config),
    onHubTime: (time) => clockSync.hear(time),
    log: log.child({ part: "forwarder" }),
    clock,
  });
  const hubTime = watchHubTime({
    connection,
    monitor,
    domain: hub.domain,
    stream: () => forwarder.state().stream,
    isWanted: () => clockSync.trust() !== "synced",
    onTime: (time) => clockSync.hear(time),
    clock,
  });
  const clockChange = clockSync.onChange((trust) => trust !== "synced" && hubTime.ask());

  const { create, name, max_age } = hub.inbox;
  const inbound = startInbound({
    sink: deps.inbox,
    connection,
    monitor,
    device: config.device.id,
    stream: { create, domain: hub.domain, maxAge: max_age, ...(create ? { name } : {}) },
    log: log.child({ part: "inbox" }),
    clock,
  });

  return {
    monitor,
    forwarder,
    objects: createObjectReader({ connection, domain: hub.domain }),
    state: () => withForwarder(monitor.state(), forwarder),
    inbound: () => inbound.status(),
    watchDesired: (onEntry) =>
      hub.desired_state
        ? watchBucket({
            bucket: DESIRED_BUCKET,
            key: config.device.id,
            domain: hub.domain,
            connection,
            monitor,
            clock,
            log: log.child({ part: "desired" }),
            onEntry,
          })
        : undefined,
    async [Symbol.asyncDispose]() {
      await using stack = new AsyncDisposableStack();
      stack.use(monitor);
      stack.use(watching);
      stack.use(forwarder);
      stack.use(inbound);
      stack.use(hubTime);
      stack.use(clockChange);
    },
  };
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

const noLink: HubLinkState = { link: "disabled", mode: "none", rtt: undefined, reason: undefined, server: undefined };

function keptOff({ mode }: HubConfig, { code, message }: StatusError): HubLinkState {
  return { link: "offline", mode, rtt: undefined, reason: `${code}: ${message}`, server: undefined };
}

/** Nothing between the agent and the hub, for this reason. */
function withoutHub(why: string, state: HubLinkState): Hub {
  const unreachable = (what: string): never => {
    throw new PetioleError("ERR_LATTICE_UNREACHABLE", `Cannot ${what}: ${why}`);
  };
  const noObjects = (bucket: string, name: string): never => {
    throw new PetioleError("ERR_ARTIFACT_UNREACHABLE", `Cannot find the object "${name}" in "${bucket}": ${why}`);
  };
  const bus: MessageBus = {
    publish: ({ subject }) => unreachable(`publish to "${subject}"`),
    request: async (subject) => unreachable(`send a request to "${subject}"`),
    // Nothing can arrive; a component that waits for messages waits until there is a hub.
    subscribe: () => ({ [Symbol.asyncDispose]: async () => {} }),
  };
  return {
    bus,
    hubBus: bus,
    forwarder: {
      pause: async () => {},
      resume: () => {},
      lift: () => {},
      state: () => ({ stream: undefined, lanes: [] }),
    },
    objects: {
      find: async (bucket, name) => noObjects(bucket, name),
      read: async (bucket, { id }) => noObjects(bucket, id),
    },
    state: () => state,
    inbound: () => ({ state: "off", stream: undefined, lastError: undefined }),
    watchDesired: () => undefined,
    path: undefined,
    [Symbol.asyncDispose]: async () => {},
  };
}
