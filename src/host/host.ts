import { isDeepStrictEqual } from "node:util";
import { PetioleError, isPetioleError } from "../domain/errors.ts";
import { HOST_INTERFACES } from "../domain/host-interfaces.ts";
import type { ComponentStatus, LinkStatus, ProviderStatus, StatusError } from "../domain/status.ts";
import { millis, seconds } from "../domain/units.ts";
import { unversioned } from "../domain/wit-name.ts";
import type { ComponentId, ComponentSpec, DesiredState, LinkSpec, ProviderSpec } from "../domain/workload.ts";
import { backoffDelay } from "../lib/backoff.ts";
import type { Clock } from "../lib/clock.ts";
import { createExclusive } from "../lib/exclusive.ts";
import type { Logger } from "../lib/log.ts";
import { createPace, type PaceKeeper } from "../lib/pace.ts";
import { createMetricsRegistry, type MetricsRegistry, type MetricsScope } from "../lib/metrics.ts";
import type { Provider, ProviderFactory } from "../provider/contract.ts";
import type { HostServices } from "../provider/services.ts";
import type { ComponentEvent, Runtime } from "../runtime/contract.ts";
import { isWatching, tellChanges, toldChanges, type ConfigChange } from "./config-watch.ts";
import { createLinkBinder, type LiveLink } from "./bind-link.ts";
import { createCallees } from "./callees.ts";
import { createEgress } from "./egress.ts";
import { createLinkMeters } from "./link-meters.ts";
import { linkKey, plan, type Step } from "./plan.ts";
import type { KeptVersions, RemoteEnds, TrustCheck } from "./ports.ts";
import { callFunction, createRouter } from "./router.ts";
import { createSecretUse } from "./secret-use.ts";
import type { Secrets } from "./secrets.ts";
import { createServing } from "./serving.ts";
import { ComponentSlot, type SlotDeps } from "./update/component-slot.ts";
import { createForgetfulJournal, type UpdateJournal } from "./update/journal.ts";
import { createUpdates, type UpdateControl } from "./update/update-control.ts";
import { reasonOf } from "../lib/reason.ts";

/** Loads a provider's code when the first provider of its type starts. */
export type ProviderRegistry = Readonly<Record<string, () => Promise<ProviderFactory>>>;

export interface HostDeps {
  readonly runtime: Runtime;
  readonly registry: ProviderRegistry;
  readonly services: HostServices;
  /** Without it, every component may run. */
  readonly trust?: TrustCheck | undefined;
  /** Without it, components neither call other hosts nor are called by them. */
  readonly remote?: RemoteEnds | undefined;
  /** Without it, nobody gets a secret. */
  readonly secrets?: Secrets | undefined;
  /** Without it, nothing is known of versions after a restart. */
  readonly journal?: UpdateJournal | undefined;
  /** Without it, no version outlives its file. */
  readonly kept?: KeptVersions | undefined;
  /** Without it, what is measured is shown to nobody. */
  readonly metrics?: MetricsRegistry | undefined;
  /** Told of what gets done. Without it, nobody watches. */
  readonly pace?: PaceKeeper | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface HostStatus {
  readonly components: readonly ComponentStatus[];
  readonly providers: readonly ProviderStatus[];
  readonly links: readonly LinkStatus[];
}

/** Keeps what runs equal to the desired state. */
export interface Host extends AsyncDisposable {
  /**
   * Makes `desired` the state to reach. Resolves after the first pass; what failed is in the status, and is tried
   * again with a growing delay when another try may help. Does nothing once the host was disposed.
   */
  apply(desired: DesiredState): Promise<void>;
  status(): HostStatus;
  /** Where the bytes of a component are that is wanted. */
  fileOf(id: ComponentId): string | undefined;
  readonly updates: UpdateControl;
  /** Resolves when what is to be done about the desired state has been done as far as it can be now. */
  probe(): Promise<void>;
  /**
   * Whether a link could be bound, as far as that can be told without doing it.
   * @throws PetioleError as what the link would fail with
   */
  checkLink(link: LinkSpec): Promise<void>;
}

type FallibleStatus = Pick<ComponentStatus, "lastError" | "update"> & Pick<ProviderStatus, "report">;

interface Failure {
  readonly error: PetioleError;
  readonly attempts: number;
  readonly retryAt: number | undefined;
}

interface Item<Spec, Live> {
  readonly spec: Spec;
  readonly live: Live | undefined;
  readonly failure: Failure | undefined;
}

const RETRY = { initial: millis(1000), max: millis(60_000) };
/** What is to stop, a component or a link, ends what it was called for, as long as that does not take longer. */
const DRAIN_LIMIT = seconds(10);
/** How long a component's call waits for a link that takes the place of another. */
const LINK_GRACE = seconds(2);
const NO_KEYS: ReadonlySet<string> = new Set();
const NOTHING: DesiredState = { components: [], providers: [], links: [] };

export function createHost({ runtime, registry, services, trust, remote, kept, clock, log, ...deps }: HostDeps): Host {
  const journal = deps.journal ?? createForgetfulJournal(log);
  const components = new Map<string, Item<ComponentSpec, ComponentSlot>>();
  const providers = new Map<string, Item<ProviderSpec, Provider>>();
  const links = new Map<string, Item<LinkSpec, LiveLink>>();
  const metrics = deps.metrics ?? createMetricsRegistry();
  const meters = createLinkMeters(metrics, clock);
  const router = createRouter({ clock, grace: LINK_GRACE });
  const exclusive = createExclusive();
  const pace = deps.pace ?? createPace(clock, seconds(60));
  const stopping = new AbortController();
  let desired = NOTHING;
  /** As it was asked for. */
  let asked = NOTHING;
  const secrets = createSecretUse(deps.secrets, {
    onMark: () => {
      desired = secrets.marked(asked);
      void exclusive.run(again);
    },
    onComponent: (id, names) =>
      tell(
        id,
        names.map((val) => ({ tag: "secret", val })),
      ),
  });

  /** Tells a component of changes, if it wants to hear of them. */
  function tell(id: string, changes: readonly ConfigChange[]): void {
    const live = components.get(id)?.live;
    if (live === undefined || !isWatching(live.prepared)) return;
    void tellChanges(live.running, changes, log.child({ component: id }));
  }

  /** What is said of failures may have a secret in it. Names may not be touched: they say what is meant. */
  function concealed<Status extends FallibleStatus>(status: Status): Status {
    const shown = (error: StatusError | undefined): StatusError | undefined =>
      error === undefined ? undefined : { ...error, message: secrets.conceal(error.message) };
    const { update, report } = status;
    return {
      ...status,
      lastError: shown(status.lastError),
      ...(update !== undefined && { update: { ...update, reason: shown(update.reason) } }),
      ...(report !== undefined && { report: { ...report, lastError: shown(report.lastError) } }),
    };
  }

  /** What providers measure, for as long as they run. */
  const measures = new Map<string, MetricsScope>();
  let retryTimer: NodeJS.Timeout | undefined;
  const callees = createCallees({ clock, drainLimit: DRAIN_LIMIT, meters });
  const serving = createServing(remote, callees);
  const binder = createLinkBinder({
    desired: () => desired,
    provider: (id) => providers.get(id)?.live,
    component: (id) => {
      const item = components.get(id);
      if (item?.live === undefined) return undefined;
      return { spec: item.spec, prepared: item.live.prepared, running: item.live.running };
    },
    filled: (asker, config) => secrets.filled(asker, config),
    callees,
    remote,
    router,
    meters,
    drainLimit: DRAIN_LIMIT,
    log,
  });

  async function reconcile(): Promise<void> {
    clearTimeout(retryTimer);
    const wanted = new Set(desired.components.map((spec) => spec.id));
    forgetUnwanted(components, wanted);
    callees.retain(wanted);
    forgetUnwanted(providers, new Set(desired.providers.map((spec) => spec.id)));
    forgetUnwanted(links, new Set(desired.links.map(linkKey)));
    for (const { spec, item, changes } of toldChanges(desired.components, components)) {
      await pace.during(async () => item.live?.configure(spec));
      components.set(spec.id, { ...item, spec });
      tell(spec.id, changes);
    }
    const now = clock.monotonic();
    const actual = {
      components: specs(components, isLive),
      providers: specs(providers, isLive),
      links: specs(links, isLive),
      held: {
        components: specs(components, (item) => isHeld(item, now)),
        providers: specs(providers, (item) => isHeld(item, now)),
        links: specs(links, (item) => isHeld(item, now)),
      },
      exclusive: new Set([...providers].filter(([, { live }]) => live?.exclusive === true).map(([id]) => id)),
    };
    const stages = plan(actual, desired);
    for (const step of stages.flat()) if (step.kind === "start-component") callees.expect(step.spec);
    for (const stage of stages) {
      await Promise.all(stage.map((step) => pace.during(() => executors[step.kind](step as never))));
    }
    // What runs since a boot is what worked last: what is wanted instead comes once that is linked.
    await Promise.all([...components.values()].map(({ live }) => pace.during(async () => live?.catchUp())));
    meters.retain([
      ...desired.links,
      ...specs(links, isLive),
      ...desired.components.map(({ id }) => ({ source: "", target: id, name: "" })),
    ]);
    scheduleRetry();
  }

  async function serveImport(id: ComponentId, name: string, fn: string, args: readonly unknown[]): Promise<unknown> {
    const own = HOST_INTERFACES.has(unversioned(name)) ? desired.components.find((spec) => spec.id === id) : undefined;
    if (own === undefined) return await router.call(id, name, fn, args);
    return await callFunction(secrets.served(own), unversioned(name), fn, args);
  }

  const egress = createEgress({ desired: () => desired, provider: (id) => providers.get(id)?.live, router });

  const slotDeps = (id: ComponentId): SlotDeps => ({
    runtime,
    trust,
    journal,
    kept,
    clock,
    log,
    signal: stopping.signal,
    links: () => desired.links.filter(({ source, target }) => source === id || target === id),
    neighbour: (end) => components.get(end)?.live?.prepared,
    onImport: async (component, name, fn, args) => await serveImport(component, name, fn, args),
    onEgress: egress,
    onEvent: logEvent,
    onOutcome: (outcome) => {
      const live = components.get(id)?.live;
      if (live !== undefined) serving.renew(id, live.prepared);
      updates.tell({ ...outcome, error: secrets.conceal(outcome.error) });
    },
    onSettled: () => updates.clear(),
  });

  const updates = createUpdates({
    journal,
    kept,
    log,
    components: () => desired.components.map(({ id }) => id),
    slot: (id) => components.get(id)?.live,
    again: () => exclusive.run(again),
  });

  async function again(): Promise<void> {
    // What failed may have lacked something that is there now, such as a link: each gets a new chance.
    for (const items of [components, providers, links]) forgetUnwanted(items, NO_KEYS);
    for (const { live } of components.values()) live?.reconsider();
    await reconcile();
  }

  function scheduleRetry(): void {
    if (stopping.signal.aborted) return;
    const times = [...components.values(), ...providers.values(), ...links.values()]
      .map((item) => item.failure?.retryAt)
      .filter((time) => time !== undefined);
    if (times.length === 0) return;
    const delay = Math.max(0, Math.min(...times) - clock.monotonic());
    retryTimer = setTimeout(() => void exclusive.run(reconcile), delay);
    retryTimer.unref();
  }

  type Executors = { [K in Step["kind"]]: (step: Extract<Step, { kind: K }>) => Promise<void> };
  const executors: Executors = {
    "start-provider": async ({ spec }) => {
      await attempt(providers, spec.id, spec, `provider "${spec.id}"`, async () => {
        const load = Object.hasOwn(registry, spec.type) ? registry[spec.type] : undefined;
        if (load === undefined) {
          const known = Object.keys(registry).join(", ");
          throw new PetioleError(
            "ERR_PROVIDER_UNKNOWN",
            `Cannot start provider "${spec.id}": there is no type "${spec.type}", want one of ${known}`,
          );
        }
        const factory = await load();
        const measure = metrics.scope("petiole_", { provider: spec.id });
        const own = log.child({ provider: spec.id });
        const provider: Provider = factory({ id: spec.id, log: own, clock, services, metrics: measure });
        try {
          await provider.start(provider.parseConfig(await secrets.filled(spec.id, spec.config)), stopping.signal);
        } catch (error) {
          measure[Symbol.dispose]();
          await provider[Symbol.asyncDispose]();
          throw error;
        }
        measures.set(spec.id, measure);
        log.info("Provider started", { provider: spec.id, type: spec.type });
        return provider;
      });
    },

    "start-component": async ({ spec }) => {
      await attempt(components, spec.id, spec, `component "${spec.id}"`, async () => {
        const slot = await ComponentSlot.open(slotDeps(spec.id), spec);
        const { prepared, trust: decision } = slot.current;
        const { signers, version } = decision?.shown ?? {};
        log.info("Component started", { component: spec.id, digest: prepared.digest, version, signers });
        return slot;
      });
    },

    "update-component": async ({ spec }) => {
      const item = components.get(spec.id);
      if (item?.live === undefined) return;
      components.set(spec.id, { ...item, spec });
      item.live.want(spec);
      await item.live.catchUp();
    },

    "open-component": async ({ spec: { id } }) => {
      const item = components.get(id);
      if (item?.live === undefined) {
        callees.fail(id, item?.failure?.error.message ?? "it did not start");
        await serving.end(id);
        return;
      }
      callees.open(id, item.live.running);
      serving.serve(id, item.live.prepared);
    },

    "close-component": async ({ spec: { id } }) => {
      // Other hosts first: what they were promised is still taken. One that comes back has its calls wait.
      if (!desired.components.some((spec) => spec.id === id)) await serving.end(id);
      await callees.drain(id);
    },

    bind: async ({ link }) => {
      const before = links.get(linkKey(link))?.live;
      const what = `link "${link.source}" to "${link.target}"`;
      await attempt(links, linkKey(link), link, what, () => binder.bind(link, before));
    },

    unbind: async ({ link }) => {
      await retire(links, linkKey(link), `link "${link.source}" to "${link.target}"`, (live) => binder.unbind(live));
    },

    release: async ({ link, successors, anyway }) => {
      const isBound = (one: LinkSpec): boolean => {
        const item = links.get(linkKey(one));
        return item?.live !== undefined && isDeepStrictEqual(item.spec, one);
      };
      if (anyway || successors.every(isBound)) await executors.unbind({ kind: "unbind", link });
      else
        log.warn("A link stays: what is to take its place is not bound", { source: link.source, target: link.target });
    },

    "stop-component": async ({ spec }) => {
      await retire(components, spec.id, `component "${spec.id}"`, async (slot) => {
        await slot[Symbol.asyncDispose]();
        log.info("Component stopped", { component: spec.id });
      });
      if (!desired.components.some(({ id }) => id === spec.id)) callees.fail(spec.id, "it was stopped");
    },

    "stop-provider": async ({ spec }) => {
      await retire(providers, spec.id, `provider "${spec.id}"`, async (provider) => {
        measures.get(spec.id)?.[Symbol.dispose]();
        measures.delete(spec.id);
        await provider[Symbol.asyncDispose]();
        log.info("Provider stopped", { provider: spec.id });
      });
    },
  };

  /** Runs `start` for an item and keeps its result, or its failure and when to try again. */
  async function attempt<Spec, Live>(
    items: Map<string, Item<Spec, Live>>,
    key: string,
    spec: Spec,
    what: string,
    start: () => Promise<Live | undefined>,
  ): Promise<void> {
    const attempts = (items.get(key)?.failure?.attempts ?? 0) + 1;
    try {
      items.set(key, { spec, live: await start(), failure: undefined });
    } catch (cause) {
      if (stopping.signal.aborted) return;
      const error = secrets.conceal(isPetioleError(cause) ? cause : unexpected(what, cause));
      const delay = error.retryable ? backoffDelay(attempts - 1, RETRY) : undefined;
      const retryAt = delay === undefined ? undefined : clock.monotonic() + delay;
      items.set(key, { spec, live: undefined, failure: { error, attempts, retryAt } });
      log.error(`Cannot start ${what}`, {
        code: error.code,
        reason: error.message,
        retryIn: delay,
        ...bugDetails(error),
      });
    }
  }

  async function retire<Spec, Live>(
    items: Map<string, Item<Spec, Live>>,
    key: string,
    what: string,
    stop: (live: Live) => Promise<void>,
  ): Promise<void> {
    const live = items.get(key)?.live;
    items.delete(key);
    if (live === undefined) return;
    try {
      await stop(live);
    } catch (error) {
      log.error(`Cannot stop ${what} cleanly`, { err: error });
    }
  }

  return {
    async apply(next) {
      if (stopping.signal.aborted) return;
      asked = next;
      desired = secrets.marked(next);
      await exclusive.run(again);
    },

    updates,
    probe: () => exclusive.run(async () => pace.mark()),
    fileOf: (id) => desired.components.find((spec) => spec.id === id)?.file,
    checkLink: async (link) => await binder.check(link),

    status: () => ({
      components: desired.components.map((spec) => concealed(componentStatus(spec, components.get(spec.id), links))),
      providers: desired.providers.map((spec) => concealed(providerStatus(spec, providers.get(spec.id)))),
      links: desired.links.map((spec) => concealed(linkStatus(spec, links.get(linkKey(spec))))),
    }),

    async [Symbol.asyncDispose]() {
      stopping.abort(new PetioleError("ERR_COMPONENT_STOPPED", "The agent is stopping"));
      asked = NOTHING;
      desired = NOTHING;
      await exclusive.run(reconcile);
      clearTimeout(retryTimer);
      secrets[Symbol.dispose]();
    },
  };
}

/** Drops the records of failures whose subject is no longer wanted; what runs is stopped by the plan. */
function forgetUnwanted(items: Map<string, Item<unknown, unknown>>, wanted: ReadonlySet<string>): void {
  for (const [key, item] of items) if (item.live === undefined && !wanted.has(key)) items.delete(key);
}

function specs<Spec, Live>(
  items: ReadonlyMap<string, Item<Spec, Live>>,
  keep: (item: Item<Spec, Live>) => boolean,
): Spec[] {
  return [...items.values()].filter(keep).map((item) => item.spec);
}

const isLive = (item: Item<unknown, unknown>): boolean => item.live !== undefined;

const isHeld = ({ failure }: Item<unknown, unknown>, now: number): boolean =>
  failure !== undefined && (failure.retryAt === undefined || failure.retryAt > now);

function unexpected(what: string, cause: unknown): PetioleError {
  const reason = reasonOf(cause);
  return new PetioleError("ERR_INVARIANT", `Cannot start ${what}: ${reason}`, { cause });
}

const bugDetails = (error: PetioleError): object => (error.kind === "bug" ? { err: error.cause } : {});

function componentStatus(
  spec: ComponentSpec,
  item: Item<ComponentSpec, ComponentSlot> | undefined,
  links: ReadonlyMap<string, Item<LinkSpec, LiveLink>>,
): ComponentStatus {
  const live = item?.live;
  const stats = live?.running.stats();
  const brokenLink = [...links.values()].find(
    ({ spec: link, failure }) => failure !== undefined && (link.source === spec.id || link.target === spec.id),
  );
  return {
    id: spec.id,
    state: live?.isDown === true ? "failed" : stateOf(item),
    digest: live?.digest,
    trust: live?.current.trust?.shown,
    image: undefined,
    update: live?.status(),
    calls: stats?.calls ?? 0,
    failures: stats?.failures ?? 0,
    restarts: stats?.restarts ?? 0,
    degraded: stats?.degraded ?? false,
    instances: stats?.instances ?? 0,
    memory: stats?.memory ?? 0,
    reserved: stats?.reserved ?? 0,
    cpuTime: stats?.cpuTime ?? 0,
    breaches: stats?.breaches ?? {},
    lastError: statusError(item?.failure) ?? live?.lastError ?? statusError(brokenLink?.failure),
  };
}

function providerStatus(spec: ProviderSpec, item: Item<ProviderSpec, Provider> | undefined): ProviderStatus {
  const report = item?.live?.report?.();
  const lastError = statusError(item?.failure) ?? report?.lastError;
  const inbox = item?.live?.inboxStats?.();
  return { id: spec.id, type: spec.type, state: stateOf(item), report, inbox, lastError };
}

function linkStatus(spec: LinkSpec, item: Item<LinkSpec, LiveLink> | undefined): LinkStatus {
  const { name, source, target, interfaces } = spec;
  const state = item?.failure !== undefined ? "failed" : item?.live === undefined ? "waiting" : "bound";
  return { name, source, target, interfaces, state, lastError: statusError(item?.failure) };
}

function stateOf(item: Item<unknown, unknown> | undefined): ComponentStatus["state"] {
  if (item === undefined) return "starting";
  return item.live === undefined ? "failed" : "running";
}

const statusError = (failure: Failure | undefined): StatusError | undefined =>
  failure === undefined ? undefined : { code: failure.error.code, message: failure.error.message };

function logEvent(log: Logger, event: ComponentEvent): void {
  switch (event.kind) {
    case "limit-reached":
      log.warn("Component reached a limit", { limit: event.limit, count: event.count });
      break;
    case "degraded":
      log.error("Component fails again and again", { failures: event.failures, lastError: event.lastError });
      break;
    case "recovered":
      log.info("Component works again");
      break;
    case "recycled":
      log.info("Component instance replaced by a new one", { reason: event.reason });
      break;
  }
}
