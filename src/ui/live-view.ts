// What the live page shows of the agent at one moment, as JSON. The page's program imports these types.

import type { Lane } from "../domain/outbox.ts";
import type { LinksReport } from "../domain/link-swap.ts";
import type { OutboxReport } from "../domain/outbox-report.ts";
import type { ComponentStatus, ProviderStatus, StatusError, UpdateStatus } from "../domain/status.ts";
import { viewOf, type AgentView, type Look } from "./agent-view.ts";

export interface LiveView {
  readonly device: string;
  readonly version: string;
  readonly pid: number;
  readonly state: string;
  /** Seconds. */
  readonly uptime: number;
  readonly hub: {
    readonly link: string;
    readonly mode: string;
    readonly rtt: number | undefined;
    readonly reason: string | undefined;
    readonly server: string | undefined;
  };
  readonly clock: string;
  readonly memory: AgentView["memory"];
  readonly cpu: number | undefined;
  readonly callsPerSecond: number;
  readonly outbox: { readonly bytes: number; readonly cap: number; readonly paused: boolean; readonly store: string };
  readonly inbox: { readonly waiting: number; readonly state: string };
  readonly lattice: string | undefined;
  readonly notices: readonly string[];
  readonly components: readonly LiveComponent[];
  readonly providers: readonly LiveProvider[];
  readonly links: readonly LiveLink[];
  readonly lanes: readonly LiveLane[];
  /** Components, providers and links that are not in here, because there are too many. */
  readonly left: number;
}

export interface LiveComponent {
  readonly id: string;
  readonly state: string;
  readonly instances: number;
  readonly callsPerSecond: number;
  readonly calls: number;
  readonly failures: number;
  readonly restarts: number;
  readonly memory: number;
  readonly cpu: number;
  /** Short form of its digest. */
  readonly version: string | undefined;
  readonly image: string | undefined;
  /** What comes of a new version, for people. */
  readonly update: string | undefined;
  readonly error: string | undefined;
}

export interface LiveProvider {
  readonly id: string;
  readonly type: string;
  readonly state: string;
  /** Of one that is a process of its own. */
  readonly healthy: boolean | undefined;
  readonly restarts: number | undefined;
  readonly waiting: number | undefined;
  readonly error: string | undefined;
}

export interface LiveLink {
  readonly from: string;
  readonly to: string;
  readonly name: string;
  readonly interfaces: readonly string[];
  readonly state: string;
  readonly callsPerSecond: number;
  readonly errors: number;
  readonly inFlight: number;
  /** Seconds that a call took on average lately. */
  readonly mean: number | undefined;
  readonly insteadOf: string | undefined;
  readonly error: string | undefined;
}

export interface LiveLane {
  readonly lane: Lane;
  readonly waiting: number;
  readonly bytes: number;
  readonly oldest: number | undefined;
  readonly acceptedPerSecond: number;
  readonly deliveredPerSecond: number;
  readonly dropped: number;
  readonly phase: string | undefined;
  readonly error: string | undefined;
}

/** What the agent said at one moment, more closely than `petiole top` wants to know. */
export interface CloseLook extends Look {
  readonly links: LinksReport;
  readonly outbox: OutboxReport;
}

/** More than that is nothing to look at, and would make the answer as large as anybody likes. */
const MOST = 200;
const MOST_LINKS = 400;
const MOST_NOTICES = 20;
const LONGEST = 300;

/** Every list and every text in it has a bound. */
export function liveView(now: CloseLook, before: CloseLook | undefined): LiveView {
  const view = viewOf(now, before);
  const { status, outbox } = now;
  const components = view.components.slice(0, MOST).map((row): LiveComponent => {
    // The rows are made of the status.
    const one = status.components.find(({ id }) => id === row.id) as ComponentStatus;
    return {
      ...row,
      id: clip(row.id),
      instances: one.instances,
      calls: one.calls,
      version: one.digest?.slice("sha256:".length, "sha256:".length + 8),
      image: one.image === undefined ? undefined : clip(one.image.reference),
      update: one.update === undefined ? undefined : clip(describeUpdate(one.update)),
      error: textOf(one.lastError),
    };
  });
  const links = now.links.links.slice(0, MOST_LINKS).map((link): LiveLink => {
    const rates = view.links.find(
      ({ from, to, name }) => from === link.source && to === link.target && name === link.name,
    );
    return {
      from: clip(link.source),
      to: clip(link.target),
      name: clip(link.name),
      interfaces: link.interfaces.slice(0, 20).map(clip),
      state: link.state,
      callsPerSecond: rates?.callsPerSecond ?? 0,
      errors: rates?.errors ?? 0,
      inFlight: rates?.inFlight ?? 0,
      mean: rates?.mean,
      insteadOf: link.insteadOf === undefined ? undefined : clip(link.insteadOf),
      error: textOf(link.lastError),
    };
  });
  const lanes = view.lanes.map((lane): LiveLane => {
    const way = outbox.forwarder.lanes.find((one) => one.lane === lane.lane);
    return { ...lane, phase: way?.phase, error: textOf(way?.lastError) };
  });
  const { link, mode, rtt, reason, server } = status.hub;
  return {
    device: clip(view.device),
    version: view.version,
    pid: status.pid,
    state: view.state,
    uptime: view.uptime,
    hub: { link, mode, rtt, reason: reason === undefined ? undefined : clip(reason), server },
    clock: view.clock,
    memory: view.memory,
    cpu: view.cpu,
    callsPerSecond: view.callsPerSecond,
    outbox: { ...view.outbox, paused: outbox.paused, store: outbox.store.mode },
    inbox: { waiting: view.inbox, state: status.inbox.hub.state },
    lattice: status.lattice === undefined ? undefined : clip(`${status.lattice.name}: ${status.lattice.state}`),
    notices: view.notices.slice(0, MOST_NOTICES).map(clip),
    components,
    providers: status.providers.slice(0, MOST).map(providerOf),
    links,
    lanes,
    left:
      beyond(view.components.length, MOST) +
      beyond(status.providers.length, MOST) +
      beyond(now.links.links.length, MOST_LINKS),
  };
}

function providerOf({ id, type, state, report, inbox, lastError }: ProviderStatus): LiveProvider {
  return {
    id: clip(id),
    type: clip(type),
    state,
    healthy: report?.healthy,
    restarts: report?.restarts,
    waiting: inbox?.waiting,
    error: textOf(lastError ?? report?.lastError),
  };
}

function describeUpdate({ state, to, left, reason }: UpdateStatus): string {
  const version = to === undefined ? "a new version" : to.slice("sha256:".length, "sha256:".length + 8);
  const rest = left === undefined ? "" : `, ${Math.round(left)} s left`;
  return `${version}: ${state}${rest}${reason === undefined ? "" : `, ${reason.code}`}`;
}

const beyond = (count: number, most: number): number => Math.max(0, count - most);
const clip = (text: string): string => (text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text);
const textOf = (error: StatusError | undefined): string | undefined =>
  error === undefined ? undefined : clip(`${error.code}: ${error.message}`);
