import { setTimeout as sleep } from "node:timers/promises";

export interface WaitOptions {
  readonly every: number;
  readonly within: number;
  readonly signal: AbortSignal;
}

/**
 * Probes until something other than undefined comes back. A probe that fails counts as "not yet"; its error is the
 * cause when time is up. Times are in milliseconds.
 */
export async function waitUntil<T>(
  what: string,
  probe: () => Promise<T | undefined>,
  { every, within, signal }: WaitOptions,
): Promise<T> {
  const end = performance.now() + within;
  for (;;) {
    let cause: unknown;
    try {
      const found = await probe();
      if (found !== undefined) return found;
    } catch (error) {
      cause = error;
    }
    signal.throwIfAborted();
    if (performance.now() > end) {
      const reason = cause instanceof Error ? `: ${cause.message}` : "";
      throw new Error(`Waited ${within / 1000} s for ${what}${reason}`, { cause });
    }
    await pause(every, signal);
    signal.throwIfAborted();
  }
}

/**
 * Calls `act` again and again, every `interval` milliseconds by the clock, until `stop` is aborted. A call that takes
 * longer delays the next one and is not made up for.
 */
export async function repeat(interval: number, stop: AbortSignal, act: () => Promise<void>): Promise<void> {
  let next = performance.now();
  while (!stop.aborted) {
    await act();
    next = Math.max(next + interval, performance.now());
    await pause(Math.max(0, next - performance.now()), stop);
  }
}

/** Waits, shorter when `stop` is aborted; unlike a plain sleep it does not fail then. */
export async function pause(milliseconds: number, stop: AbortSignal): Promise<void> {
  try {
    await sleep(milliseconds, undefined, { signal: stop });
  } catch (error) {
    if (!stop.aborted) throw error;
  }
}

/** The promise's outcome, or a failure when it takes longer than `limit` milliseconds. */
export async function withinLimit<T>(what: string, limit: number, promise: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`Waited ${limit / 1000} s for ${what}`)), limit);
  // When the demo ends for another reason, nobody waits for this any more.
  timer.unref();
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** The promise's outcome, or the signal's reason when that is aborted first. */
export async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
