import { millis, type Millis } from "../../domain/units.ts";
import type { Clock } from "../clock.ts";
import type { Logger } from "../log.ts";
import { planFeeding, type FeedingState, type Sighting } from "./feeding.ts";
import type { Notify } from "./notify.ts";

/** A part of the agent that the watchdog looks at. */
export interface Witness {
  readonly name: string;
  count(): number;
  excusedUntil?(): Millis | undefined;
  /** Gives it something to do, so that an idle one shows that it lives. Must not throw. */
  probe(): void;
}

export interface WatchdogDeps {
  /** The longest time between two signs of life. */
  readonly period: Millis;
  readonly witnesses: () => readonly Witness[];
  readonly notify: Notify;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface WatchdogReport {
  readonly period: Millis;
  /** Since the last sign of life. */
  readonly fedAgo: Millis;
  /** The least time that was ever left of the period when it was fed. */
  readonly leastMargin: Millis;
  /** The parts that have got nothing done since then, and are not excused. */
  readonly late: readonly string[];
}

/** Runs from its creation on. Once disposed it says nothing any more. */
export interface Watchdog extends Disposable {
  report(): WatchdogReport;
}

/** Looks so often in a period, and feeds twice in it or more. */
const LOOKS = 8;
const FEEDS = 3;

/**
 * Tells the service manager that the agent lives, as long as every witness gets something done. When one does not, it
 * says nothing, and the service manager ends the process when the period is over.
 */
export function startWatchdog({ period, witnesses, notify, clock, log }: WatchdogDeps): Watchdog {
  const stop = new AbortController();
  const pause = millis(period / FEEDS);
  const loop = createLoopWitness();
  let late: readonly string[] = [];
  let leastMargin = period;
  let warned = false;

  const all = (): readonly Witness[] => [loop, ...witnesses()];
  const sight = (one: Witness): Sighting => ({
    name: one.name,
    count: one.count(),
    excusedUntil: one.excusedUntil?.(),
  });

  let state: FeedingState = {
    fedAt: clock.monotonic(),
    counts: new Map(all().map((one) => [one.name, one.count()])),
  };

  function look(): void {
    const now = clock.monotonic();
    const since = now - state.fedAt;
    const { feed, ...next } = planFeeding(state, all().map(sight), { now, pause });
    ({ late, state } = next);
    if (feed) {
      leastMargin = millis(Math.min(leastMargin, period - since));
      notify({ kind: "alive" });
      if (warned) log.info("The watchdog is fed again", { after: Math.round(since) });
      warned = false;
    } else if (since > period / 2 && !warned && late.length > 0) {
      warned = true;
      log.error("The watchdog is not fed: a part of the agent gets nothing done", { late, since: Math.round(since) });
    }
    for (const one of all()) one.probe();
  }

  void (async () => {
    notify({ kind: "alive" });
    for (const one of all()) one.probe();
    for (;;) {
      await clock.sleep(millis(period / LOOKS), stop.signal).catch(() => {});
      if (stop.signal.aborted) return;
      look();
    }
  })();

  return {
    report: () => ({ period, fedAgo: millis(clock.monotonic() - state.fedAt), leastMargin, late }),
    [Symbol.dispose]: () => stop.abort(),
  };
}

/** The event loop goes round: input and output had their turn, not timers alone. */
function createLoopWitness(): Witness {
  let count = 0;
  return {
    name: "event loop",
    count: () => count,
    probe: () => {
      setImmediate(() => {
        count += 1;
      }).unref();
    },
  };
}

/** Of something that answers: each answer counts, and a question is asked when none is open. */
export function askingWitness(
  name: string,
  { count, excusedUntil, ask }: Pick<Witness, "count" | "excusedUntil"> & { readonly ask: () => Promise<unknown> },
): Witness {
  let asked = false;
  return {
    name,
    count,
    ...(excusedUntil === undefined ? {} : { excusedUntil }),
    probe: () => {
      if (asked) return;
      asked = true;
      // Whoever cannot answer is late, which is all there is to say.
      ask().then(
        () => (asked = false),
        () => (asked = false),
      );
    },
  };
}
