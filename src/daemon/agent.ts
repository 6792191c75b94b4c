import { randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { SOCKET_NAME, type DeployParams, type LogsParams, type UndeployParams } from "../adapters/control/protocol.ts";
import { openMetricsServer } from "../adapters/control/metrics-server.ts";
import { openControlServer, type ControlHandlers } from "../adapters/control/server.ts";
import { createNatsPaths } from "../adapters/lattice/nats-paths.ts";
import { createRemoteEnds } from "../adapters/lattice/remote-ends.ts";
import type { LatticeHost } from "../adapters/lattice/wasmcloud/lattice-host.ts";
import type { BucketWatch } from "../adapters/lattice/desired-bucket.ts";
import { createKeptVersions, openStore, readBootId, type WarmThread } from "../adapters/store/index.ts";
import type { Config } from "../config/schema.ts";
import type { TrustConfig } from "../config/trust-schema.ts";
import { PetioleError, isPetioleError } from "../domain/errors.ts";
import type { MetricFamily } from "../domain/metrics.ts";
import type { AgentStatus } from "../domain/status.ts";
import { days, mebibytes, millis, minutes } from "../domain/units.ts";
import { RELEASED, VERSION } from "../domain/version.ts";
import { createHost, type ProviderRegistry } from "../host/host.ts";
import { mergeDesired } from "../host/desired-sources.ts";
import { createImageHost } from "../host/image-host.ts";
import { openUpdateJournal } from "../host/update/journal.ts";
import { openInbox } from "../host/inbox/inbox.ts";
import { openProviderInbox } from "../host/inbox/provider-inbox.ts";
import { createClockSync } from "../lib/clock-sync/clock-sync.ts";
import { askWitnesses, SYSTEM_WITNESSES } from "../lib/clock-sync/witnesses.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { LogTail } from "../lib/log-tail.ts";
import { createPace } from "../lib/pace.ts";
import { askingWitness } from "../lib/systemd/watchdog.ts";
import type { HostServices } from "../provider/services.ts";
import { createRedactor, redactingLogger } from "../lib/redactor.ts";
import { createMetricsRegistry } from "../lib/metrics.ts";
import { releaseMemory } from "../lib/release-memory.ts";
import { createRuntime, type ReleasingRuntime } from "../runtime/runtime.ts";
import { NOTHING_REMEMBERED } from "../trust/memory.ts";
import { EVIDENCE_SUFFIXES } from "../trust/read-evidence.ts";
import { readTrustedKey } from "../runtime/aot/keys.ts";
import { agentMetrics } from "./agent-metrics.ts";
import { createApplications } from "./applications.ts";
import { digestOfFile } from "../lib/file-digest.ts";
import { createSelfUpdate } from "./agent-update/self-update.ts";
import { readLaunch } from "./agent-update/launch.ts";
import { artifactsFolder, openArtifacts, openReleaseSource } from "./artifacts.ts";
import { concealedHandlers } from "./concealed-handlers.ts";
import { createDesired } from "./desired.ts";
import { deviceView } from "./device-view.ts";
import { openDeviceExecutables } from "./executables.ts";
import { openEnrolment, renewEnrolment } from "./enrolment.ts";
import { openHub } from "./hub.ts";
import { joinLattice, latticeDesired } from "./lattice.ts";
import { joinOperator, type JoinedOperator } from "./operator.ts";
import { createLinkControl } from "./link-control.ts";
import { outboxOptionsOf } from "./outbox-options.ts";
import { createOutboxControl, recallOutbox } from "./outbox-control.ts";
import { createOutboxMeters } from "./outbox-meters.ts";
import { createPatientStats } from "./patient-stats.ts";
import { providerTypes } from "./provider-types.ts";
import { checkIdentity } from "./identity-check.ts";
import { openSecrets } from "./secrets.ts";
import { createSettling } from "./settling.ts";
import type { Glance } from "./agent-line.ts";
import type { Service } from "./service.ts";
import { startSummary } from "./summary.ts";
import { checkStorage, honestOutbox } from "./storage-check.ts";
import { openTrustCheck } from "./trust-check.ts";
import { loadTrustPolicy } from "./trust-policy.ts";
import { agentHandlers, updateHandlers } from "./update-handlers.ts";
import { reasonOf } from "../lib/reason.ts";

// Without a hub there is nothing to receive; what was received before is worked off all the same.
const DEFAULT_INBOX = { max_messages: 1000, max_size: mebibytes(16), max_attempts: 5, unclaimed: days(1) };

/** What one step of the reconciliation may take besides transpiling: calls that end, probes, slow devices. */
const STEP_LIMIT = minutes(3);

/** What time it was, for a boot that does not know. */
const CLOCK_STATE = "clock";

// Seals the component cache. With the state, as the cache may be on a disk that others can write to.
const CACHE_KEY = "cache.key";

// Not in the cache: it is what a boot starts.
const VERSIONS = "versions";

/** What is not in the configuration: what counts for releases of petiole are signatures, always. */
const NO_RELEASES: TrustConfig = {
  mode: "enforce",
  digests: [],
  keys: [],
  threshold: 1,
  allow_downgrade: false,
  unsynced_clock: "refuse",
};

export interface AgentDeps {
  readonly config: Config;
  /** Absolute path of the configuration file. */
  readonly file: string;
  readonly storeThread?: WarmThread | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: Logger;
  /** What was written to `log` last. */
  readonly tail: LogTail;
  /** Is told of the parts that must not hang. Without it, nobody watches them. */
  readonly service?: Pick<Service, "watch" | "status"> | undefined;
  /** Aborts what takes long at the start, such as transpiling; the agent is to be disposed then. */
  readonly signal: AbortSignal;
  /** Somebody wants the agent to end: from the lattice, or to start another version of it. */
  readonly onEnd?: (reason: string) => void;
  /** What a tool puts around parts of the agent, to watch them or to play them; nothing on a device. */
  readonly around?: Surroundings;
}

export interface Surroundings {
  readonly runtime: (own: ReleasingRuntime) => ReleasingRuntime;
  readonly providers: (own: ProviderRegistry) => ProviderRegistry;
}

/** A running agent. Disposing it stops deliveries, lets calls end, commits the outbox and ends the child processes. */
export interface Agent extends AsyncDisposable {
  status(): Promise<AgentStatus>;
  /** As much of the status as there is without asking the store. */
  glance(): Glance;
}

/**
 * Builds the agent from its parts and starts what the configuration wants. Resolves when everything local had its first
 * try; the hub is not waited for.
 * @throws PetioleError ERR_STORE_LOCKED, ERR_STORE_OPEN and other failures of the agent's own folders
 */
export async function openAgent(all: AgentDeps): Promise<Agent> {
  const { config, file, storeThread, env, clock, tail, service, signal, onEnd, around, ...deps } = all;
  const redactor = createRedactor();
  const log = redactingLogger(deps.log, redactor);
  await using stack = new AsyncDisposableStack();
  await makeFolder(config.state_dir);
  await makeFolder(config.cache_dir);
  const policy = config.store.volatile;
  const storage = await checkStorage({ stateDir: config.state_dir, policy }, log.child({ part: "store" }));
  const stranger = await checkIdentity({
    stateDir: config.state_dir,
    device: config.device.id,
    policy: config.device.identity_check,
    log: log.child({ part: "identity" }),
  });
  const notices = [storage.notice, stranger].filter((notice) => notice !== undefined);

  const bootId = readBootId();
  const clockSync = createClockSync({
    policy: config.clock.source,
    released: Date.parse(RELEASED),
    bootId,
    witnesses: () => askWitnesses(SYSTEM_WITNESSES, clock),
    clock,
    log: log.child({ part: "clock" }),
  });
  const ownRuntime = stack.use(
    createRuntime({
      cacheDir: config.cache_dir,
      keyFile: join(config.state_dir, CACHE_KEY),
      cacheQuota: config.runtime.cache_size,
      trustedKeys: await Promise.all(config.runtime.trusted_keys.map(readTrustedKey)),
      workers: config.runtime.workers,
      compile: { memory: config.compiler.memory, time: config.compiler.timeout },
      clock,
      log: log.child({ part: "runtime" }),
    }),
  );
  // The worker of the components starts while the disk is waited for.
  if (Object.keys(config.components).length > 0) ownRuntime.warmUp();
  const store = stack.use(
    await openStore({
      dir: config.state_dir,
      warm: storeThread,
      clock,
      log: log.child({ part: "store" }),
      outbox: outboxOptionsOf(config),
      clockTrust: () => clockSync.trust(),
      bootId,
    }),
  );
  service?.watch(askingWitness("store", { count: () => store.answered(), ask: () => store.probe() }));
  stack.use(clockSync);
  await clockSync.remember({
    load: async () => await store.state.load(CLOCK_STATE),
    save: async (text) => await store.state.save(CLOCK_STATE, text),
  });
  const { max_messages, max_size, max_attempts, unclaimed } = config.hub?.inbox ?? DEFAULT_INBOX;
  const inbox = stack.use(
    await openInbox({
      keyValue: store.keyValue,
      clock,
      log: log.child({ part: "inbox" }),
      options: { maxMessages: max_messages, maxBytes: max_size, maxAttempts: max_attempts, unclaimed },
    }),
  );
  const outboxLog = log.child({ part: "outbox" });
  const memory = await recallOutbox(store.state, outboxLog);
  const meters = createOutboxMeters(honestOutbox(store.outbox, storage.lossy, policy), clock);
  const hub = stack.use(
    openHub({ config, stranger, source: meters.source, outbox: meters.outbox, inbox, env, clock, clockSync, log }),
  );
  meters.watch(() => hub.forwarder.state());
  // The fleet would take a copy for the device that it knows.
  const enrolment =
    stranger === undefined
      ? await openEnrolment({ config, hub, clock, clockSync, log: log.child({ part: "enrolment" }) })
      : undefined;
  if (enrolment !== undefined) stack.use(enrolment);
  const outboxControl = stack.use(
    createOutboxControl({
      device: config.device.id,
      bootId: store.outbox.bootId,
      source: store.outbox,
      state: store.state,
      flush: () => store.flush(),
      transfer: store.outbox,
      forwarder: hub.forwarder,
      hub: () => hub.state(),
      meters,
      condition: ({ store: { mode, reason } }) => ({ mode, reason }),
      maxMessage: config.outbox.max_message,
      memory,
      clock,
      log: outboxLog,
    }),
  );
  const outboxStats = createPatientStats({ outbox: store.outbox, clock });
  // While the store has nothing else to do: a status that comes later need not wait for the disk.
  await outboxStats();
  const runtime = around?.runtime(ownRuntime) ?? ownRuntime;
  const isClockTrusted = (): boolean => clockSync.trust() === "synced";
  const { bus, hubBus } = hub;
  const nats = createNatsPaths({
    hub: hub.path,
    name: `petiole ${config.device.id}`,
    log: log.child({ part: "nats" }),
    clock,
  });
  const secrets = stack.use(
    openSecrets({
      config,
      env,
      redactor,
      nats: nats.hub,
      state: store.state,
      fileOf: (id): string | undefined => host.fileOf(id),
      clock,
      log: log.child({ part: "secrets" }),
    }),
  );
  const services: HostServices = {
    outbox: meters.outbox,
    keyValue: store.keyValue,
    bus,
    hubBus,
    inbox,
    nats,
    openInbox: async (provider, options) =>
      await openProviderInbox({
        provider,
        options,
        keyValue: store.keyValue,
        clock,
        log: log.child({ part: "inbox", provider }),
      }),
    isClockTrusted,
  };
  const isClockSynced = async (): Promise<boolean> => isClockTrusted();
  const trust =
    config.trust === undefined || config.trust.mode === "off"
      ? undefined
      : await openTrustCheck({
          policy: await loadTrustPolicy(config.trust),
          state: store.state,
          clock,
          isClockSynced,
          log: log.child({ part: "trust" }),
        });
  const remote =
    config.lattice === undefined || hub.path === undefined
      ? undefined
      : createRemoteEnds({
          connection: hub.path.connection,
          lattice: config.lattice.name,
          log: log.child({ part: "calls" }),
        });
  let lattice: LatticeHost | undefined;
  const executables = await openDeviceExecutables({
    config,
    path: hub.path,
    lattice: () => lattice,
    below: () => desired.below(),
    trust,
    remote,
    secrets,
    env,
    clock,
    log: log.child({ part: "executables" }),
  });
  let operator: JoinedOperator | undefined;
  const artifacts = openArtifacts({
    config,
    env,
    objects: hub.objects,
    pullSecret: (component) => operator?.workloads.pullSecret(component),
    registryLogin: (registry) => lattice?.registryLogin(registry),
    clock,
    log: log.child({ part: "artifacts" }),
  });
  const metrics = createMetricsRegistry();
  const pace = createPace(clock, millis(config.compiler.timeout + STEP_LIMIT));
  const types = providerTypes(executables?.factory);
  const host = stack.use(
    createImageHost({
      host: createHost({
        runtime,
        registry: around?.providers(types) ?? types,
        services,
        trust,
        remote,
        secrets,
        journal: await openUpdateJournal(store.state, log.child({ part: "updates" })),
        kept: createKeptVersions({
          folder: join(config.state_dir, VERSIONS),
          maxSize: config.updates.max_size,
          // Nothing is written to artifacts once they are there.
          isFinal: (path) => path.startsWith(`${artifactsFolder(config)}/`),
          besides: EVIDENCE_SUFFIXES,
        }),
        metrics,
        pace,
        clock,
        log,
      }),
      artifacts,
      clock,
      log: log.child({ part: "artifacts" }),
    }),
  );

  service?.watch(askingWitness("supervisor", { ...pace, ask: () => host.probe() }));

  const giveUp = (): void => void host[Symbol.asyncDispose]();
  signal.addEventListener("abort", giveUp, { once: true });
  if (signal.aborted) giveUp();

  const started = clock.monotonic();
  const applications = createApplications({
    state: store.state,
    log: log.child({ part: "applications" }),
    view: () => deviceView(config, lattice),
    own: () => desired.own(),
    latticeIds: () => {
      const { components, providers } = lattice?.status() ?? { components: [], providers: [] };
      const operated = operator?.desired();
      return [
        ...components,
        ...providers,
        ...[...(operated?.components ?? []), ...(operated?.providers ?? [])].map(({ id }) => id),
      ];
    },
    digestOf: digestOfFile,
    refresh: () => desired.refresh(),
    running: () => host.status(),
  });
  const selfUpdate = stack.use(
    createSelfUpdate({
      device: config.device.id,
      config: config.agent_update,
      file,
      launch: readLaunch(env),
      policy: () => loadTrustPolicy({ ...NO_RELEASES, ...config.agent_update }),
      openSource: (reference) => openReleaseSource(reference, { config, env, objects: hub.objects }),
      stall: config.artifacts.stall_timeout,
      outbox: meters.outbox,
      state: store.state,
      health: async () => ({
        store: (await outboxStats()).store.mode,
        link: hub.state().link,
        running: host.status().components.flatMap(({ id, state }) => (state === "running" ? [id] : [])),
        wanted: host.status().components.map(({ id }) => id),
      }),
      restart: (reason) => onEnd?.(reason),
      isClockSynced: isClockTrusted,
      clock,
      log: log.child({ part: "versions" }),
    }),
  );
  const links = createLinkControl({
    state: store.state,
    log: log.child({ part: "links" }),
    wanted: () => desired.unadjusted(),
    refresh: () => desired.refresh(),
    host,
  });
  const release = async (): Promise<void> => {
    runtime.releaseMemory();
    await store.releaseMemory();
    releaseMemory();
  };
  const settling = stack.use(createSettling({ release, clock, log }));
  const desired = createDesired({
    config,
    file,
    folder: dirname(file),
    state: store.state,
    log: log.child({ part: "desired" }),
    apply: async (next) => {
      await host.apply(next);
      settling.stir();
    },
    applications: (own) => applications.wanted(own),
    extend: (below) =>
      mergeDesired([
        ...(lattice === undefined
          ? []
          : [latticeDesired(lattice.items(below), config.lattice?.components_folder, config.lattice?.update)]),
        ...(operator === undefined ? [] : [operator.desired()]),
      ]),
    adjust: (wanted) => links.apply(wanted),
    onAgent: (agent) => selfUpdate.want(agent),
  });
  lattice = await joinLattice({
    config,
    path: hub.path,
    state: store.state,
    clock,
    log: log.child({ part: "lattice" }),
    desired,
    annotations: (id) => applications.annotations(id),
    host,
    onSettings: () => executables?.refresh(),
    end: () => onEnd?.("the lattice stopped this host"),
  });
  if (lattice !== undefined) stack.use(lattice);
  operator = await joinOperator({
    config,
    path: hub.path,
    state: store.state,
    artifacts,
    builtin: runtime.builtin,
    desired,
    host,
    clock,
    log: log.child({ part: "operator" }),
  });
  if (operator !== undefined) stack.use(operator.host);
  let watch: BucketWatch | undefined;
  let state: AgentStatus["state"] = "starting";
  const readStatus = async (): Promise<AgentStatus> => ({
    device: config.device.id,
    version: VERSION,
    pid: process.pid,
    state,
    uptime: (clock.monotonic() - started) / 1000,
    rss: process.memoryUsage.rss(),
    service: service?.status(),
    notices,
    hub: hub.state(),
    enrolment: enrolment?.status(),
    clock: clockSync.status(),
    outbox: await outboxStats(),
    inbox: { ...inbox.stats(), hub: hub.inbound() },
    desired: desired.status(watch),
    lattice: lattice?.status(),
    operator: operator?.host.status(),
    ...host.status(),
    links: desired
      .current()
      .links.map(({ name, source, target, interfaces }) => ({ name, source, target, interfaces })),
  });
  const status = async (): Promise<AgentStatus> => redactor.deep(await readStatus());
  const path = join(config.runtime_dir, SOCKET_NAME);
  const readMetrics = async (): Promise<MetricFamily[]> => [...agentMetrics(await readStatus()), ...metrics.families()];
  const run = randomUUID();
  const handlers: ControlHandlers = {
    status: readStatus,
    metrics: readMetrics,
    logs: async ({ since = 0 }: LogsParams) => ({ run, lines: tail.since(since) }),
    ...outboxControl.handlers,
    apps: async () => applications.list(),
    "app-deploy": async (params: DeployParams) => await applications.deploy(params),
    "app-undeploy": async (params: UndeployParams) => await applications.undeploy(params),
    ...updateHandlers(host.updates),
    ...agentHandlers(selfUpdate),
    ...links.handlers,
    "enrolment-renew": async () => await renewEnrolment(enrolment),
    "trust-memory": async () => {
      const { names, digests } = trust?.remembered() ?? NOTHING_REMEMBERED;
      return { clockSynced: await isClockSynced(), names: Object.fromEntries(names), digests };
    },
  };
  await applications.load();
  await links.load();
  const concealed = concealedHandlers(handlers, redactor);
  stack.use(await openControlServer({ path, handlers: concealed, log: log.child({ part: "control" }) }));

  const { listen } = config.metrics;
  if (listen !== undefined) {
    try {
      stack.use(await openMetricsServer({ listen, read: readMetrics }));
    } catch (error) {
      // A device that nobody can look at goes on with its work.
      if (!isPetioleError(error, "ERR_METRICS_LISTEN")) throw error;
      log.error("Metrics are not served", { code: error.code, reason: error.message });
    }
  }

  // Before what it wants runs: until then it is answered that it is being started.
  operator?.host.listen();
  await desired.begin();
  operator?.workloads.begin();
  lattice?.begin();
  watch = stack.use(hub.watchDesired((entry) => desired.take(entry)));
  state = "running";
  await selfUpdate.begin();
  if (config.log.summary > 0) {
    stack.use(startSummary({ interval: config.log.summary, read: readStatus, clock, log }));
  }
  const parts = stack.move();
  const glance = (): Glance => ({ hub: hub.state(), ...host.status() });
  return { status, glance, [Symbol.asyncDispose]: () => parts.disposeAsync() };
}

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
  } catch (cause) {
    const reason = reasonOf(cause);
    throw new PetioleError("ERR_STORE_OPEN", `Cannot use the folder "${path}": ${reason}`, { cause });
  }
}
