import { randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { LatticeStatus } from "../../../domain/status.ts";
import { millis, seconds, type Millis } from "../../../domain/units.ts";
import type { WantedState } from "../../../domain/workload.ts";
import type { HostStatus } from "../../../host/host.ts";
import type { UpdateOutcome } from "../../../host/update/update-outcome.ts";
import type { HubMonitor, StateStore } from "../../../host/ports.ts";
import type { Clock } from "../../../lib/clock.ts";
import { createExclusive } from "../../../lib/exclusive.ts";
import type { Logger } from "../../../lib/log.ts";
import type { SecretRule } from "../../../lib/named-secret.ts";
import type { LatticeConnection } from "../connection.ts";
import { describeNatsError } from "../nats-error.ts";
import { followUpdates } from "./component-updates.ts";
import { componentVerbs } from "./component-verbs.ts";
import type { HostContext } from "./context.ts";
import { listenForCommands } from "./control.ts";
import { cloudEvent, type HostEvent } from "./events.ts";
import { reportHealth, type HealthRecord } from "./health.ts";
import { hostVerbs } from "./host-verbs.ts";
import { recallHostId } from "./identity.ts";
import { currentLabels, humanDuration, inventoryItems } from "./inventory.ts";
import { latticeItems, linksOf, type LatticeItems, type ProviderOrigin } from "./items.ts";
import { mergeConfig, type NamedLookup } from "./named-config.ts";
import { providerLink, type ProviderLink } from "./provider-links.ts";
import { createLateReports } from "./late-reports.ts";
import { providerVerbs } from "./provider-verbs.ts";
import { readyWithin, shareBucket, type SharedBucket } from "./shared-bucket.ts";
import { sharedVerbs } from "./shared-verbs.ts";
import { configBucket, eventSubject, latticeBucket, providerSubject } from "./subjects.ts";
import { findItem, NOTHING_WANTED, parseWanted, type Wanted } from "./wanted.ts";
import { configMap, parseStored, type HostReply, type Inventory, type Link } from "./wire.ts";

export interface LatticeHostDeps {
  readonly lattice: string;
  /** What people call the host. */
  readonly device: string;
  readonly version: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly heartbeat: Millis;
  /** JetStream domain of the hub. */
  readonly domain: string | undefined;
  readonly connection: LatticeConnection;
  readonly monitor?: Pick<HubMonitor, "onChange"> | undefined;
  readonly state: StateStore;
  readonly clock: Clock;
  readonly log: Logger;
  /** What the device itself wants. */
  readonly below: () => WantedState;
  /** What the lattice is told of an item of that, besides its id. */
  readonly annotations: (id: string) => Readonly<Record<string, string>>;
  /** True when that depends on labels or named configurations that have changed. */
  readonly isStale: () => boolean;
  /** Makes what `items` gives run, besides that. Resolves after the first pass. */
  readonly apply: () => Promise<void>;
  readonly running: () => HostStatus;
  /** Tells what becomes of updates. */
  readonly onUpdate: (listener: (outcome: UpdateOutcome) => void) => Disposable;
  readonly componentProblem: (reference: string) => string | undefined;
  readonly providerProblem: (reference: string) => string | undefined;
  readonly providerOrigin: (reference: string) => ProviderOrigin | undefined;
  /** What a secret of the lattice is on this device. */
  readonly secretRule: SecretRule;
  /** What `settings` gives may be something else now. */
  readonly onSettings: () => void;
  /** Stops every workload of the device. */
  readonly stopWorkloads: () => Promise<void>;
  /** Ends the agent. */
  readonly end: () => void;
}

/**
 * This device as a host of a wasmCloud 1.x lattice. What the lattice asked for is kept in the store: the device boots into it
 * without the hub. Disposing it stops the workloads, as the lattice is told that they are gone.
 */
export interface LatticeHost extends AsyncDisposable {
  readonly hostId: string;
  /** What the lattice wants besides what the device itself does. */
  items(below: WantedState): LatticeItems;
  /** What a provider that is a process is to know: the configuration that it was started with, and its links. */
  settings(provider: string): ProviderSettings;
  /** Of the host, as they are now. */
  labels(): Readonly<Record<string, string>>;
  /** A named configuration of the lattice, as far as this device knows. */
  namedConfig(name: string): Readonly<Record<string, string>> | undefined;
  /** Listens from now on, whenever the hub can be reached. */
  begin(): void;
  status(): LatticeStatus;
  /** The log-in that the lattice gave for a registry of images, by its host name. Hosts use no bare tokens. */
  registryLogin(host: string): { readonly user: string; readonly password: string } | undefined;
}

export interface ProviderSettings {
  readonly config: Readonly<Record<string, string>>;
  /** Every link of the lattice that the provider is an end of. */
  readonly links: readonly ProviderLink[];
}

/** How long the first start waits for the buckets, so that the first answers are complete. */
const READY_LIMIT = seconds(3);
const FLUSH_LIMIT = seconds(2);
/** A bucket that is read from the start has many values at once. */
const FOLLOW_PAUSE = millis(50);
const SAVE_PAUSE = seconds(1);
const FIRST_HEALTH = seconds(5);

/** @throws PetioleError ERR_STORE_FAILED */
export async function openLatticeHost(deps: LatticeHostDeps): Promise<LatticeHost> {
  const { lattice, connection, state, clock, log } = deps;
  const hostId = await recallHostId(state);
  const names = {
    wanted: `lattice-wanted:${lattice}`,
    data: `lattice-data:${lattice}`,
    config: `lattice-config:${lattice}`,
  };
  const stored = await state.load(names.wanted);
  const parsed = stored === undefined ? NOTHING_WANTED : parseWanted(stored);
  if (parsed === undefined) log.error("What the lattice asked for cannot be read and is left out");
  let wanted: Wanted = parsed ?? NOTHING_WANTED;

  const started = clock.monotonic();
  const stop = new AbortController();
  let health: ReadonlyMap<string, HealthRecord> = new Map();
  let begun = false;
  let announced = false;
  let listening: Disposable | undefined;
  let running: Promise<void> | undefined;
  let stopped: Promise<void> | undefined;
  let lastHeartbeatProblem: string | undefined;

  const uptime = (): number => Math.floor((clock.monotonic() - started) / 1000);
  const labels = (): Record<string, string> => currentLabels(deps.labels, wanted.labels);

  // ---- What is kept

  const saving = createExclusive();
  const unsaved = new Set<keyof typeof names>();
  const contents: Readonly<Record<keyof typeof names, () => string>> = {
    wanted: () => JSON.stringify(wanted),
    data: () => data.stored(),
    config: () => config.stored(),
  };

  /** Several changes are one write: what is stored is what is there when the write begins. */
  const save = (): Promise<void> =>
    saving.run(async () => {
      const due = [...unsaved];
      unsaved.clear();
      for (const name of due) {
        try {
          await state.save(names[name], contents[name]());
        } catch (error) {
          unsaved.add(name);
          log.error("Cannot store what the lattice wants: a reboot would forget it", { what: name, err: error });
        }
      }
    });

  async function saveWanted(): Promise<void> {
    unsaved.add("wanted");
    await save();
  }

  let savePlanned = false;
  /** What the hub has can be asked for again: it need not be on the disk at once, and a bucket has many values. */
  function saveSoon(): void {
    if (savePlanned) return;
    savePlanned = true;
    void clock
      .sleep(SAVE_PAUSE, stop.signal)
      .catch(() => {})
      .then(() => {
        savePlanned = false;
        return save();
      });
  }

  // ---- What should run

  const lookup: NamedLookup = { config: (name) => config.get(name), secret: deps.secretRule };

  const items = (below = deps.below()): LatticeItems =>
    latticeItems({
      wanted,
      links: links(),
      lookup,
      providerOrigin: deps.providerOrigin,
      below,
    });

  let knownLinks: readonly Link[] | undefined;
  /** Of the whole lattice: there may be thousands, which are read once after each change. */
  const links = (): readonly Link[] => (knownLinks ??= linksOf(data.entries()));

  const settings = (id: string): ProviderSettings => {
    return {
      config: mergeConfig(findItem(wanted.providers, id)?.config ?? [], lookup.config),
      links: links()
        .filter(({ source_id, target }) => source_id === id || target === id)
        .map((link) => providerLink(link, lookup)),
    };
  };

  const applying = createExclusive();
  /** What was asked for last, to be made so: what has come since is not in it. */
  let applied: LatticeItems | undefined;

  let following = false;
  /** Changes in the buckets, a few at a time; most of them concern other hosts. */
  function follow(): void {
    if (following) return;
    following = true;
    void clock
      .sleep(FOLLOW_PAUSE, stop.signal)
      .catch(() => {})
      .then(() => {
        following = false;
        return applying.run(applyChanges);
      })
      .catch((error: unknown) => log.error("Cannot apply what the lattice wants", { err: error }));
  }

  async function applyChanges(): Promise<void> {
    if (!begun || stop.signal.aborted) return;
    deps.onSettings();
    if (!deps.isStale() && isDeepStrictEqual(items(), applied)) return;
    await deps.apply();
  }

  const bucketOptions = { domain: deps.domain, connection, monitor: deps.monitor, clock, log };
  const data: SharedBucket = shareBucket({
    ...bucketOptions,
    bucket: latticeBucket(lattice),
    stored: await state.load(names.data),
    onChange: () => changed("data"),
  });
  const config: SharedBucket = shareBucket({
    ...bucketOptions,
    bucket: configBucket(lattice),
    stored: await state.load(names.config),
    onChange: () => changed("config"),
  });

  function changed(name: "data" | "config"): void {
    if (name === "data") knownLinks = undefined;
    unsaved.add(name);
    saveSoon();
    follow();
  }

  // ---- What is told

  const envelope = () => ({ host: hostId, id: randomUUID(), time: new Date(clock.wall()) });

  /** Events are for whoever listens now: without a connection there is nobody. */
  function publish(event: HostEvent): void {
    const live = connection.current();
    if (live === undefined) return;
    try {
      live.publish(eventSubject(lattice, event.name), JSON.stringify(cloudEvent(event, envelope())));
      if (event.name === "host_heartbeat") lastHeartbeatProblem = undefined;
    } catch (error) {
      const reason = describeNatsError(error);
      if (reason === lastHeartbeatProblem) return;
      lastHeartbeatProblem = reason;
      log.warn("Cannot tell the lattice", { event: event.name, reason });
    }
  }

  const inventory = (): Inventory => ({
    host_id: hostId,
    friendly_name: deps.device,
    labels: labels(),
    version: deps.version,
    uptime_seconds: uptime(),
    uptime_human: humanDuration(uptime()),
    ...inventoryItems({ wanted, below: deps.below(), status: deps.running(), annotations: deps.annotations }),
  });
  const ping = (): HostReply => ({
    id: hostId,
    friendly_name: deps.device,
    labels: labels(),
    lattice,
    uptime_seconds: uptime(),
    uptime_human: humanDuration(uptime()),
    version: deps.version,
    ...(deps.domain === undefined ? {} : { js_domain: deps.domain }),
  });
  const heartbeat = (): void => publish({ name: "host_heartbeat", data: inventory() });

  /** A host that was away for long is forgotten; the heartbeat, with all that runs, brings it back. */
  function greet(): void {
    if (!announced) {
      announced = true;
      const { version } = deps;
      publish({
        name: "host_started",
        data: { friendly_name: deps.device, labels: labels(), uptime_seconds: 0, version },
      });
    }
    heartbeat();
  }

  // ---- What is done

  const late = createLateReports({ hostId, wanted: () => wanted, running: deps.running, publish });

  const context: HostContext = {
    hostId,
    log,
    data,
    config,
    lookup,
    wanted: () => wanted,
    want: (change) => {
      wanted = change(wanted);
    },
    commit: async () => {
      await saveWanted();
      await applying.run(() => deps.apply());
    },
    save: async () => {
      await saveWanted();
      follow();
    },
    kept: save,
    publish,
    labels,
    below: deps.below,
    running: deps.running,
    componentProblem: deps.componentProblem,
    providerProblem: deps.providerProblem,
    tell: (provider, verb, message) => {
      try {
        connection.current()?.publish(providerSubject(lattice, provider, verb), JSON.stringify(message));
      } catch (error) {
        log.warn("Cannot tell a provider of a link", { provider, reason: describeNatsError(error) });
      }
    },
    awaitLater: (kind, id, because) => late.await(kind, id, because === "fetching" ? "outcome" : "running"),
  };

  const updates = deps.onUpdate(
    followUpdates(context, (id) => findItem((applied ?? items()).components, id)?.reference),
  );

  const firstHealth = millis(Math.min(FIRST_HEALTH, deps.heartbeat));

  async function beat(): Promise<void> {
    await untilConnected();
    await readyWithin([data, config], READY_LIMIT, clock);
    if (stop.signal.aborted) return;
    const verbs = {
      ...hostVerbs({ ...context, ping, inventory, stop: (limit) => leave(limit, deps.end) }),
      ...componentVerbs(context),
      ...providerVerbs(context),
      ...sharedVerbs(context),
    };
    listening = listenForCommands({ lattice, hostId, connection, verbs, log });
    log.info("This device is a host of the lattice", { lattice, host: hostId });
    using _watching = connection.onChange(() => connection.current() !== undefined && greet());
    greet();
    let next = clock.monotonic() + deps.heartbeat;
    while (!stop.signal.aborted) {
      const now = clock.monotonic();
      if (now >= next) {
        heartbeat();
        next = now + deps.heartbeat;
      }
      const due = reportHealth(health, deps.running().providers, now, { first: firstHealth, period: deps.heartbeat });
      health = due.records;
      for (const { name, provider } of due.reports) publish({ name, data: { host_id: hostId, provider_id: provider } });
      late.report();
      await clock.sleep(millis(Math.min(firstHealth, Math.max(1, next - now))), stop.signal).catch(() => {});
    }
  }

  async function untilConnected(): Promise<void> {
    const connected = Promise.withResolvers<void>();
    using _watching = connection.onChange(() => connection.current() !== undefined && connected.resolve());
    stop.signal.addEventListener("abort", () => connected.resolve(), { once: true });
    if (connection.current() !== undefined || stop.signal.aborted) return;
    await connected.promise;
  }

  /** Commands and heartbeats end at once, then the workloads, and only then the lattice is told. */
  function leave(limit: Millis, after: () => void = () => {}): Promise<void> {
    stopped ??= (async () => {
      stop.abort(new Error("stopped"));
      listening?.[Symbol.dispose]();
      await Promise.race([deps.stopWorkloads(), clock.sleep(limit)]);
      if (announced) publish({ name: "host_stopped", data: { labels: labels() } });
      const flushed = connection.current()?.flush();
      await Promise.race([flushed?.catch(() => {}), clock.sleep(FLUSH_LIMIT)]);
    })();
    return stopped.then(after);
  }

  return {
    hostId,
    items(below) {
      applied = items(below);
      return applied;
    },
    settings,
    labels,
    namedConfig: (name) => parseStored(configMap, config.get(name)),
    begin() {
      begun = true;
      running = beat();
      // What came while the file's items were started.
      follow();
    },
    status: () => ({
      name: lattice,
      host: hostId,
      state: listening === undefined || connection.current() === undefined ? "connecting" : "joined",
      components: wanted.components.map(({ id }) => id),
      providers: wanted.providers.map(({ id }) => id),
      buckets: data.state() === "following" && config.state() === "following" ? "shared" : "local",
      lastError: data.lastError() ?? config.lastError(),
    }),
    registryLogin: (host) => {
      const { username: user, password } = (Object.hasOwn(wanted.registries, host) && wanted.registries[host]) || {};
      return user == null || password == null ? undefined : { user, password };
    },
    async [Symbol.asyncDispose]() {
      updates[Symbol.dispose]();
      await leave(STOP_WITHOUT_LIMIT);
      await running;
      await data[Symbol.asyncDispose]();
      await config[Symbol.asyncDispose]();
      await save();
    },
  };
}

/** The agent's own end knows no limit but the workloads' own. */
const STOP_WITHOUT_LIMIT = millis(2 ** 31 - 1);
