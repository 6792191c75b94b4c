import {
  WitError,
  backoffDelay,
  isPetioleError,
  millis,
  type Clock,
  type HostServices,
  type LinkContext,
} from "#provider";
import type { LinkConfig, TimerConfig } from "./config.ts";
import { cronCourse, everyCourse, type CourseDeps } from "./course.ts";
import { loadRecord, saveRecord } from "./record.ts";
import { dueBetween, planFirings, type PlannedFiring } from "./series.ts";

export const HANDLER = "petiole:timer/timer-handler";

/** How often it is asked whether the clock is right. */
const TRUST_LOOK = 1000;
/** Shorter intervals are not written down: each writing wears the card. */
const KEPT_FROM = 60_000;

export interface TimerDeps {
  readonly name: string;
  readonly config: TimerConfig;
  readonly link: LinkContext<LinkConfig>;
  /** Of the timer's record. */
  readonly key: string;
  /** When intervals were last dealt with in this process, by `key` and schedule. */
  readonly lasts: Map<string, number>;
  readonly clock: Clock;
  readonly services: Pick<HostServices, "keyValue" | "isClockTrusted">;
  /** In [0, 1). */
  readonly random: () => number;
}

/**
 * Calls the component when the timer is due, one call after another. Disposing the result waits for a call that runs; what
 * it was for counts as not dealt with when it did not return.
 * @throws PetioleError ERR_STORE_FAILED
 */
export async function startTimer(deps: TimerDeps): Promise<AsyncDisposable> {
  const { name, config, link, key, lasts, clock, random } = deps;
  const { keyValue, isClockTrusted } = deps.services;
  const { period, cron, zone } = config;
  const isKept = period === undefined || period >= KEPT_FROM;
  const schedule = period === undefined ? `cron ${cron} ${zone ?? ""}` : `every ${period}`;
  const memory = `${key} ${schedule}`;
  const record = isKept ? await loadRecord(keyValue, key, schedule) : { schedule, count: 0, missed: 0 };
  const courseDeps: CourseDeps = { clock, isClockTrusted, record };
  const course =
    period === undefined
      ? cronCourse({ cron, zone, waits: config.unsynced_clock === "wait" }, courseDeps)
      : everyCourse({ period, since: lasts.get(memory), isKept }, courseDeps);
  const stopping = new AbortController();
  const { signal } = stopping;
  const log = link.log.child({ timer: name });

  async function save(): Promise<void> {
    if (period !== undefined) lasts.set(memory, course.last);
    if (!isKept) return;
    record.last = course.toWall(course.last);
    try {
      await saveRecord(keyValue, key, record);
    } catch (err) {
      log.warn("Cannot write down when a timer fired", { err });
    }
  }

  async function call({ at, missed }: PlannedFiring, count: number): Promise<void> {
    // Without a clock that is right, what it shows is all there is.
    const wall = course.toWall(at) ?? clock.wall() - (course.now() - at);
    const scheduledFor = {
      seconds: BigInt(Math.floor(wall / 1000)),
      nanoseconds: Math.floor((wall - Math.floor(wall / 1000) * 1000) * 1e6),
    };
    for (let attempt = 1; ; attempt += 1) {
      try {
        const firing = { name, scheduledFor, synced: isClockTrusted(), count: BigInt(count), missed, attempt };
        await link.call(HANDLER, "handle-timer", [{ ...firing, payload: config.payload }]);
        return;
      } catch (err) {
        signal.throwIfAborted();
        const mayHelp = err instanceof WitError ? isRetry(err.payload) : isPetioleError(err) && err.retryable;
        if (!mayHelp || attempt >= config.retry.attempts) {
          log.error("The component failed on a timer", { count, attempt, err });
          return;
        }
        log.warn("The component failed on a timer, trying again", { count, attempt, err });
        await clock.sleep(backoffDelay(attempt - 1, { ...config.retry, random }), signal);
      }
    }
  }

  async function fire(firings: readonly PlannedFiring[]): Promise<void> {
    for (const firing of firings) {
      await call(firing, record.count + 1);
      course.last = firing.at;
      record.count += 1;
      record.missed = 0;
      await save();
    }
  }

  async function run(): Promise<void> {
    let delay = random() * config.jitter;
    let wasBusy = false;
    if (!course.isReady()) log.info("A timer waits until the clock is right");
    for (;;) {
      signal.throwIfAborted();
      if (!course.isReady()) {
        await clock.sleep(millis(TRUST_LOOK), signal);
        continue;
      }
      const now = course.now() - delay;
      const policy = wasBusy ? config.overlap : config.missed;
      const due = dueBetween(course.series, course.last, now, config.max_catch_up);
      const newest = due.newest.at(-1);
      if (newest === undefined) {
        wasBusy = false;
        const left = course.series.next(course.last) - now;
        await clock.sleep(millis(Math.min(Math.max(left, 1), course.look())), signal);
        continue;
      }
      const tolerance = wasBusy ? 0 : course.tolerance;
      const { firings, missed } = planFirings(due, { now, tolerance, policy, missed: record.missed });
      await fire(firings);
      if (firings.length === 0) {
        log.debug("Times of a timer are left out", { missed });
        course.last = newest;
        record.missed = missed;
        await save();
      }
      wasBusy = firings.length > 0;
      delay = random() * config.jitter;
    }
  }

  // A timer that is new begins now, and that is known after a restart.
  if (course.isReady() && record.last === undefined) await save();
  const running = run().catch((err: unknown) => {
    if (!signal.aborted) log.error("A timer has ended", { err });
  });
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort(new Error("The link has ended"));
      await running;
    },
  };
}

const isRetry = (payload: unknown): boolean =>
  typeof payload === "object" && payload !== null && "tag" in payload && payload.tag === "retry";
