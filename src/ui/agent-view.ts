// What `petiole top` and the live page show, made of two looks at the agent: numbers per second are of the time between them.

import type { MetricFamily } from "../domain/metrics.ts";
import type { Lane } from "../domain/outbox.ts";
import type { AgentStatus } from "../domain/status.ts";

/** What the agent said at one moment. */
export interface Look {
  /** Seconds of any clock that goes evenly. */
  readonly at: number;
  readonly status: AgentStatus;
  readonly metrics: readonly MetricFamily[];
}

export interface ComponentRow {
  readonly id: string;
  /** As in `petiole status`; `degraded` when it fails again and again. */
  readonly state: string;
  readonly callsPerSecond: number;
  readonly failures: number;
  readonly restarts: number;
  readonly memory: number;
  /** Share of one core. */
  readonly cpu: number;
}

export interface LinkRow {
  readonly from: string;
  readonly to: string;
  readonly name: string;
  readonly callsPerSecond: number;
  readonly errors: number;
  readonly inFlight: number;
  /** Mean time of the calls that ended in between, in seconds; undefined when none did. */
  readonly mean: number | undefined;
}

export interface LaneRow {
  readonly lane: Lane;
  readonly waiting: number;
  readonly bytes: number;
  /** Of the oldest that waits, in seconds. */
  readonly oldest: number | undefined;
  readonly acceptedPerSecond: number;
  readonly deliveredPerSecond: number;
  readonly dropped: number;
}

export interface AgentView {
  readonly device: string;
  readonly version: string;
  readonly state: string;
  /** Seconds. */
  readonly uptime: number;
  readonly hub: { readonly link: string; readonly rtt: number | undefined; readonly reason: string | undefined };
  readonly clock: string;
  readonly memory: {
    readonly resident: number;
    readonly anonymous: number | undefined;
    readonly max: number | undefined;
  };
  /** Of the agent's process: share of one core, and bytes written to disks a second. */
  readonly cpu: number | undefined;
  readonly writtenPerSecond: number | undefined;
  readonly callsPerSecond: number;
  readonly outbox: { readonly bytes: number; readonly cap: number };
  readonly inbox: number;
  readonly notices: readonly string[];
  readonly components: readonly ComponentRow[];
  readonly providers: readonly { readonly id: string; readonly type: string; readonly state: string }[];
  readonly links: readonly LinkRow[];
  readonly lanes: readonly LaneRow[];
}

/** Without a look before, numbers per second are those since the agent started. */
export function viewOf(now: Look, before?: Look): AgentView {
  const { status } = now;
  // Another process has counts of its own. In a container each of them may have the same number.
  const isSame = before?.status.pid === status.pid && before.status.uptime <= status.uptime;
  const earlier = isSame ? before : undefined;
  const elapsed = Math.max(0.001, earlier === undefined ? status.uptime : now.at - earlier.at);
  const perSecond = (after: number, until: number | undefined): number => since(after, until) / elapsed;
  const { service, hub, outbox, inbox } = status;
  const was = earlier?.status;

  const components = status.components.map((one): ComponentRow => {
    const old = was?.components.find(({ id }) => id === one.id);
    return {
      id: one.id,
      state: one.degraded ? "degraded" : one.state,
      callsPerSecond: perSecond(one.calls, old?.calls),
      failures: one.failures,
      restarts: one.restarts,
      memory: one.memory,
      cpu: perSecond(one.cpuTime / 1000, old === undefined ? undefined : old.cpuTime / 1000),
    };
  });
  const lanes = outbox.lanes.map((one): LaneRow => {
    const old = was?.outbox.lanes.find(({ lane }) => lane === one.lane);
    const accepted = since(one.accepted, old?.accepted);
    const goneOtherwise = since(one.dropped, old?.dropped ?? one.dropped) + since(one.superseded, old?.superseded);
    const grown = one.rows - (old?.rows ?? 0);
    return {
      lane: one.lane,
      waiting: one.rows,
      bytes: one.bytes,
      oldest: one.oldestAge === undefined ? undefined : one.oldestAge / 1000,
      acceptedPerSecond: accepted / elapsed,
      deliveredPerSecond: Math.max(0, accepted - grown - goneOtherwise) / elapsed,
      dropped: one.dropped,
    };
  });
  return {
    device: status.device,
    version: status.version,
    state: status.state,
    uptime: status.uptime,
    hub: { link: hub.link, rtt: hub.rtt, reason: hub.reason },
    clock: status.clock.state,
    memory: { resident: status.rss, anonymous: service?.memory.anonymous, max: service?.memory.max },
    cpu: service === undefined ? undefined : perSecond(service.cpu, was?.service?.cpu),
    writtenPerSecond: service?.written === undefined ? undefined : perSecond(service.written, was?.service?.written),
    callsPerSecond: components.reduce((sum, one) => sum + one.callsPerSecond, 0),
    outbox: { bytes: outbox.bytes, cap: outbox.cap },
    inbox: inbox.waiting,
    notices: noticesOf(status),
    components: components.toSorted(byTrouble),
    providers: status.providers.map(({ id, type, state }) => ({ id, type, state })),
    links: linkRows(now, earlier, elapsed),
    lanes,
  };
}

/** What grew; a count that was begun anew since then counts from nothing. */
const since = (after: number, until = 0): number => (after >= until ? after - until : after);

function noticesOf({ notices, service }: AgentStatus): string[] {
  const late = service?.watchdog?.late ?? [];
  const hungry = service?.watchdog !== undefined && service.watchdog.fedAgo > service.watchdog.period / 2;
  return [
    ...notices.map(({ message }) => message),
    ...(service?.memory.limits === "off" ? [service.memory.reason ?? "limits of memory are off"] : []),
    ...(hungry && late.length > 0 ? [`the watchdog is not fed: ${late.join(", ")} gets nothing done`] : []),
  ];
}

/** What does not run first, then what computes most. */
function byTrouble(a: ComponentRow, b: ComponentRow): number {
  const down = (row: ComponentRow): number => (row.state === "running" ? 1 : 0);
  return down(a) - down(b) || b.cpu - a.cpu || b.callsPerSecond - a.callsPerSecond || (a.id < b.id ? -1 : 1);
}

function linkRows(now: Look, before: Look | undefined, elapsed: number): LinkRow[] {
  const totals = linkTotals(now.metrics);
  const earlier = before === undefined ? undefined : linkTotals(before.metrics);
  return now.status.links.map(({ source, target, name }) => {
    const key = linkKey({ source, target, link: name });
    const is = totals.get(key) ?? NO_CALLS;
    const was = earlier?.get(key) ?? NO_CALLS;
    const ended = since(is.ended, was.ended);
    return {
      from: source,
      to: target,
      name,
      callsPerSecond: since(is.calls, was.calls) / elapsed,
      errors: is.errors,
      inFlight: is.inFlight,
      mean: ended === 0 ? undefined : since(is.time, was.time) / ended,
    };
  });
}

interface LinkTotals {
  readonly calls: number;
  readonly errors: number;
  readonly inFlight: number;
  readonly ended: number;
  /** Seconds of all calls that ended. */
  readonly time: number;
}

const NO_CALLS: LinkTotals = { calls: 0, errors: 0, inFlight: 0, ended: 0, time: 0 };
const linkKey = ({ source = "", target = "", link = "" }: Readonly<Record<string, string>>): string =>
  JSON.stringify([source, target, link]);

function linkTotals(families: readonly MetricFamily[]): ReadonlyMap<string, LinkTotals> {
  const totals = new Map<string, LinkTotals>();
  const add = (labels: Readonly<Record<string, string>>, more: Partial<LinkTotals>): void => {
    const key = linkKey(labels);
    const known = totals.get(key) ?? NO_CALLS;
    const sum = (field: keyof LinkTotals): number => known[field] + (more[field] ?? 0);
    totals.set(key, {
      calls: sum("calls"),
      errors: sum("errors"),
      inFlight: sum("inFlight"),
      ended: sum("ended"),
      time: sum("time"),
    });
  };
  const FIELDS: Readonly<Record<string, keyof LinkTotals>> = {
    petiole_link_calls_total: "calls",
    petiole_link_call_errors_total: "errors",
    petiole_link_calls_in_flight: "inFlight",
  };
  for (const family of families) {
    if (family.kind === "histogram") {
      if (family.name !== "petiole_link_call_duration_seconds") continue;
      for (const { labels, count, sum } of family.samples) add(labels, { ended: count, time: sum });
      continue;
    }
    const field = FIELDS[family.name];
    if (field === undefined) continue;
    for (const { labels, value } of family.samples) add(labels, { [field]: value });
  }
  return totals;
}
