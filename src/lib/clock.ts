import { uptime } from "node:os";
import { millis, type Millis } from "../domain/units.ts";

/** Time and timers as a dependency, so that tests can own both. */
export interface Clock {
  /** Unix time. May jump, and is wrong until the device's clock has been set. */
  wall(): Millis;
  /** Time since an arbitrary start; never goes back. */
  monotonic(): Millis;
  /** Time since boot, with what the machine slept (CLOCK_BOOTTIME); the same for every process of one boot. */
  boottime(): Millis;
  /** Nanoseconds of CLOCK_MONOTONIC: the clock of kernel GPIO events and of `wasi:clocks/monotonic-clock`. */
  nanoseconds(): bigint;
  /** Resolves after `duration`, or rejects with the signal's reason. Does not keep the process alive by itself. */
  sleep(duration: Millis, signal?: AbortSignal): Promise<void>;
}

/** A shift of the wall clock that is worth a look at whether the machine slept. */
const SHIFT_MS = 500;
/** `uptime` may come in whole seconds. */
const UPTIME_ERROR_MS = 1000;

/** Node's timers take no more, and fire at once beyond it: some 25 days. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** In milliseconds. */
export interface BoottimeSources {
  /** CLOCK_MONOTONIC, which stands still while the machine sleeps. */
  readonly monotonic: () => number;
  readonly wall: () => number;
  /** Since boot, with sleep; costs a file to read. */
  readonly uptime: () => number;
}

/** Node gives no CLOCK_BOOTTIME: this is CLOCK_MONOTONIC and the time that the machine slept. */
export function createBoottime(sources: BoottimeSources): () => Millis {
  let slept = 0;
  let distance = Number.NaN;
  return () => {
    const monotonic = sources.monotonic();
    // In its sleep the wall clock alone goes on. While the two keep step there is nothing to look up.
    const now = sources.wall() - monotonic;
    if (!(Math.abs(now - distance) < SHIFT_MS)) {
      distance = now;
      const found = sources.uptime() - monotonic;
      // Less than nothing where a container has an uptime of its own.
      if (Math.abs(found - slept) > UPTIME_ERROR_MS) slept = Math.max(0, found);
    }
    return millis(monotonic + slept);
  };
}

export const systemClock: Clock = {
  wall: () => millis(Date.now()),
  monotonic: () => millis(performance.now()),
  boottime: createBoottime({
    monotonic: () => Number(process.hrtime.bigint()) / 1e6,
    wall: Date.now,
    uptime: () => uptime() * 1000,
  }),
  nanoseconds: () => process.hrtime.bigint(),
  sleep: (duration, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason as Error);
        return;
      }
      let left: number = duration;
      let timer: NodeJS.Timeout | undefined;
      const onAbort = (): void => {
        clearTimeout(timer);
        reject(signal?.reason as Error);
      };
      const start = (): void => {
        const part = Math.min(left, LONGEST_TIMER);
        left -= part;
        timer = setTimeout(onTimer, part).unref();
      };
      const onTimer = (): void => {
        if (left > 0) return start();
        signal?.removeEventListener("abort", onAbort);
        resolve();
      };
      start();
      signal?.addEventListener("abort", onAbort, { once: true });
    }),
};
