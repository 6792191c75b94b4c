import { millis, type Millis } from "../domain/units.ts";

/** Time and timers as a dependency, so that tests can own both. */
export interface Clock {
  /** Unix time. May jump, and is wrong until the device's clock has been set. */
  wall(): Millis;
  /** Time since an arbitrary start; never goes back. */
  monotonic(): Millis;
  /** Nanoseconds of CLOCK_MONOTONIC: the clock of kernel GPIO events and of `wasi:clocks/monotonic-clock`. */
  nanoseconds(): bigint;
  /** Resolves after `duration`, or rejects with the signal's reason. Does not keep the process alive by itself. */
  sleep(duration: Millis, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  wall: () => millis(Date.now()),
  monotonic: () => millis(performance.now()),
  nanoseconds: () => process.hrtime.bigint(),
  sleep: (duration, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason as Error);
        return;
      }
      const onAbort = (): void => {
        clearTimeout(timer);
        reject(signal?.reason as Error);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      }, duration);
      timer.unref();
      signal?.addEventListener("abort", onAbort, { once: true });
    }),
};
