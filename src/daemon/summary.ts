import type { AgentStatus } from "../domain/status.ts";
import type { Millis } from "../domain/units.ts";
import type { Clock } from "../lib/clock.ts";
import type { LogFields, Logger } from "../lib/log.ts";

/** What a summary says of the time since the one before. */
type Totals = Pick<Summary, "calls" | "failures" | "written">;

/** The agent in one line of the log. */
export interface Summary extends LogFields {
  readonly hub: string;
  /** Those that run, and all: `4/5`. */
  readonly components: string;
  readonly providers: string;
  /** Since the last summary. */
  readonly calls: number;
  readonly failures: number;
  /** Messages and bytes that wait for the hub. */
  readonly waiting: number;
  readonly waitingBytes: number;
  readonly inbox: number;
  /** Bytes of the agent's process: resident, and those that no file stands behind. */
  readonly rss: number;
  readonly anonymous: number | undefined;
  /** Bytes that the agent had written to disks since the last summary. */
  readonly written: number | undefined;
}

/** Since the start. */
export function totalsOf({ components, service }: AgentStatus): Totals {
  return {
    calls: components.reduce((sum, { calls }) => sum + calls, 0),
    failures: components.reduce((sum, { failures }) => sum + failures, 0),
    written: service?.written,
  };
}

/** `before`: the totals when the last one was made. A component that was replaced counts from nothing again. */
export function summarize(status: AgentStatus, before: Totals): Summary {
  const { hub, components, providers, outbox, inbox, rss, service } = status;
  const now = totalsOf(status);
  const since = (after: number, earlier: number): number => (after >= earlier ? after - earlier : after);
  const ratio = (all: readonly { readonly state: string }[]): string =>
    `${all.filter(({ state }) => state === "running").length}/${all.length}`;
  const lanes = outbox.lanes
    .filter(({ rows }) => rows > 0)
    .flatMap(({ lane, rows, bytes }) => [
      [lane, rows],
      [`${lane}Bytes`, bytes],
    ]);
  return {
    hub: hub.link,
    components: ratio(components),
    providers: ratio(providers),
    calls: since(now.calls, before.calls),
    failures: since(now.failures, before.failures),
    waiting: outbox.lanes.reduce((sum, { rows }) => sum + rows, 0),
    waitingBytes: outbox.bytes,
    ...(Object.fromEntries(lanes) as Readonly<Record<string, number>>),
    inbox: inbox.waiting,
    rss,
    anonymous: service?.memory.anonymous,
    written: now.written === undefined ? undefined : since(now.written, before.written ?? 0),
    ...(service === undefined || service.suppressed === 0 ? {} : { suppressedTotal: service.suppressed }),
  };
}

export interface SummaryDeps {
  readonly interval: Millis;
  readonly read: () => Promise<AgentStatus>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Writes one line to the log in each interval, from its creation on. */
export function startSummary({ interval, read, clock, log }: SummaryDeps): Disposable {
  const stop = new AbortController();
  async function run(): Promise<void> {
    let before: Totals = { calls: 0, failures: 0, written: 0 };
    for (;;) {
      await clock.sleep(interval, stop.signal).catch(() => {});
      if (stop.signal.aborted) return;
      try {
        const status = await read();
        log.info("Summary", summarize(status, before));
        before = totalsOf(status);
      } catch (error) {
        log.error("A summary cannot be written", { err: error });
      }
    }
  }
  void run();
  return { [Symbol.dispose]: () => stop.abort() };
}
