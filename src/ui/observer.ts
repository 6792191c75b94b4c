import { randomUUID } from "node:crypto";
import { askAgent } from "../adapters/control/client.ts";
import type { LogReport } from "../domain/log-report.ts";
import { seconds, type Millis } from "../domain/units.ts";
import type { Clock } from "../lib/clock.ts";
import { reasonOf } from "../lib/reason.ts";
import { eventsBetween } from "./events.ts";
import { liveView, type CloseLook, type LiveView } from "./live-view.ts";
import { KEPT, type PageData, type PageEvent, type PageLogLine, type Point } from "./page-data.ts";

export interface ObserverDeps {
  /** Path of the agent's control socket. */
  readonly socket: string;
  readonly clock: Pick<Clock, "wall" | "monotonic" | "sleep">;
  /** Between looks that nobody has asked for. */
  readonly pace?: Millis;
}

/** Looks at the agent: when somebody wants to see it, and now and then so that charts have a past. */
export interface Observer extends AsyncDisposable {
  /** What is new since `tick` of the run `run`; all of it when that is another run. Never rejects. */
  look(run: string | undefined, tick: number): Promise<PageData>;
}

/** However many look, the agent is not asked more often. */
const FRESH = seconds(1);
const UNWATCHED = seconds(10);
const PATIENCE = seconds(4);

export function createObserver({ socket, clock, pace = UNWATCHED }: ObserverDeps): Observer {
  const run = randomUUID();
  const points: Point[] = [];
  const events: PageEvent[] = [];
  const logs: PageLogLine[] = [];
  let tick = 0;
  let last: { readonly look: CloseLook; readonly view: LiveView } | undefined;
  let logRun: string | undefined;
  let logSeq = 0;
  let isReachable = false;
  let since = clock.wall();
  let reason: string | undefined = "it was not asked yet";
  let lookedAt: Millis | undefined;
  let looking: Promise<void> | undefined;
  const stop = new AbortController();

  const keep = <T>(list: T[], most: number, ...more: readonly T[]): void => {
    list.push(...more);
    if (list.length > most) list.splice(0, list.length - most);
  };
  const tell = (kind: PageEvent["kind"], text: string): void =>
    keep(events, KEPT.events, { tick, at: clock.wall(), kind, text });

  async function ask(): Promise<CloseLook> {
    const options = { timeout: PATIENCE };
    const [status, metrics, links, outbox, tail] = await Promise.all([
      askAgent(socket, "status", options),
      askAgent(socket, "metrics", options),
      askAgent(socket, "links", options),
      askAgent(socket, "outbox", options),
      askAgent(socket, "logs", { ...options, params: { since: logSeq } }),
    ]);
    // What another run of the agent has written before this many lines was not asked for.
    const isOther = logRun !== undefined && tail.run !== logRun;
    keepLogs(isOther ? await askAgent(socket, "logs", options) : tail);
    return { at: clock.monotonic() / 1000, status, metrics, links, outbox };
  }

  function keepLogs({ run: of, lines }: LogReport): void {
    if (of !== logRun) logSeq = 0;
    logRun = of;
    logSeq = lines.at(-1)?.seq ?? logSeq;
    keep(logs, KEPT.logs, ...lines.map((line) => ({ ...line, tick: tick + 1 })));
  }

  /** The agent may have been updated since this process was started. */
  async function see(): Promise<NonNullable<typeof last>> {
    const look = await ask();
    try {
      return { look, view: liveView(look, last?.look) };
    } catch (cause) {
      throw new Error("it answers as another version does; start petiole ui again", { cause });
    }
  }

  async function refresh(): Promise<void> {
    const found = await see().catch((error: unknown) => reasonOf(error));
    tick += 1;
    lookedAt = clock.monotonic();
    const at = lookedAt / 1000;
    if (typeof found === "string") {
      reason = found.slice(0, 300);
      if (isReachable) {
        tell("bad", "The agent does not answer");
        since = clock.wall();
        keep(points, KEPT.points, { tick, at, values: undefined });
      }
      isReachable = false;
      return;
    }
    const { view } = found;
    if (!isReachable) {
      since = clock.wall();
      if (last !== undefined) tell("good", "The agent answers again");
    }
    isReachable = true;
    reason = undefined;
    for (const { kind, text } of last === undefined ? [] : eventsBetween(last.view, view)) tell(kind, text);
    last = found;
    const values = {
      calls: view.callsPerSecond,
      cpu: view.cpu ?? 0,
      memory: view.memory.anonymous ?? view.memory.resident,
      waiting: Object.fromEntries(view.lanes.map(({ lane, waiting }) => [lane, waiting])),
      online: view.hub.link === "online",
    };
    keep(points, KEPT.points, { tick, at, values });
  }

  /** One look at a time, and none that is sooner than it may be. */
  async function refreshWhenStale(): Promise<void> {
    if (lookedAt !== undefined && clock.monotonic() - lookedAt < FRESH) return;
    looking ??= refresh().finally(() => (looking = undefined));
    await looking;
  }

  async function goOn(): Promise<void> {
    while (!stop.signal.aborted) {
      await refreshWhenStale();
      await clock.sleep(pace, stop.signal).catch(() => {});
    }
  }
  const going = goOn();

  return {
    async look(of, from) {
      await refreshWhenStale();
      const after = of === run ? from : 0;
      const isNew = (one: { readonly tick: number }): boolean => one.tick > after;
      return {
        run,
        tick,
        now: clock.monotonic() / 1000,
        isReachable,
        since,
        reason,
        view: last?.view,
        points: points.filter(isNew),
        events: events.filter(isNew),
        logs: logs.filter(isNew),
      };
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await going;
    },
  };
}
