import { backoffDelay, millis, reasonOf, type Clock, type Logger } from "#provider";
import { BackendError } from "../backend.ts";
import type { RedisConfig } from "../config.ts";
import type { RedisConnection } from "./connection.ts";
import { openRedis } from "./open.ts";

export interface KeptRedis extends AsyncDisposable {
  /** @throws BackendError `unavailable` while there is no connection: nothing is queued for one */
  current(): RedisConnection;
  /** Resolves when the first try has succeeded or failed. */
  readonly tried: Promise<void>;
}

/** Connects in the background, again and again with growing and jittered pauses, until disposed. */
export function keepRedis(config: RedisConfig, clock: Clock, log: Logger): KeptRedis {
  const stopping = new AbortController();
  const { signal } = stopping;
  const tried = Promise.withResolvers<void>();
  let live: RedisConnection | undefined;
  let reason = "not connected yet";

  const connectOnce = async (): Promise<void> => {
    await using connection = await openRedis(config, clock, signal);
    log.info("Connected to Redis", { url: config.url });
    live = connection;
    tried.resolve();
    const stop = (): void => void connection[Symbol.asyncDispose]();
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    const why = await connection.closed;
    signal.removeEventListener("abort", stop);
    live = undefined;
    reason = why.message;
    if (!signal.aborted) log.warn("Lost Redis", { url: config.url, reason });
  };

  const run = async (): Promise<void> => {
    let reported: string | undefined;
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      const started = clock.monotonic();
      try {
        await connectOnce();
        reported = undefined;
      } catch (error) {
        reason = reasonOf(error);
        // Said once, not at every try.
        if (!signal.aborted && reason !== reported) log.warn("Cannot connect to Redis", { url: config.url, reason });
        reported = reason;
      }
      tried.resolve();
      // A connection that held begins the pauses anew.
      if (clock.monotonic() - started > config.reconnect.max) attempt = 0;
      await clock.sleep(millis(backoffDelay(attempt, config.reconnect)), signal).catch(() => {});
    }
  };
  const running = run();

  return {
    current: () => {
      if (live === undefined) throw new BackendError("unavailable", `no connection to Redis: ${reason}`);
      return live;
    },
    tried: tried.promise,
    async [Symbol.asyncDispose]() {
      stopping.abort(new BackendError("unavailable", "the provider stops"));
      await running;
    },
  };
}
