import { backoffDelay, type BackoffOptions, type Clock, type Logger, reasonOf } from "#provider";
import type { OpenClient } from "./client.ts";

export interface KeepConnectedDeps {
  /** Names the connection in the log. */
  readonly what: string;
  readonly open: (signal: AbortSignal) => Promise<OpenClient>;
  /** Called when a connection is up; it is used until it ends by itself. */
  readonly onUp: (opened: OpenClient) => void;
  readonly onDown: () => void;
  readonly backoff: BackoffOptions;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Connects again and again, with growing and jittered delays, until disposed. */
export function keepConnected({ what, open, onUp, onDown, backoff, clock, log }: KeepConnectedDeps): AsyncDisposable {
  const stopping = new AbortController();
  const { signal } = stopping;

  const connectOnce = async (): Promise<void> => {
    await using opened = await open(signal);
    log.info("Connected to the MQTT broker", { connection: what, sessionPresent: opened.sessionPresent });
    onUp(opened);
    const stopped = Promise.withResolvers<undefined>();
    const stop = (): void => stopped.resolve(undefined);
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    const reason = await Promise.race([opened.closed, stopped.promise]);
    signal.removeEventListener("abort", stop);
    onDown();
    if (!signal.aborted) log.warn("Lost the MQTT broker", { connection: what, err: reason });
  };

  const run = async (): Promise<void> => {
    let attempt = 0;
    let reported: string | undefined;
    while (!signal.aborted) {
      const started = clock.monotonic();
      try {
        await connectOnce();
        reported = undefined;
      } catch (err) {
        if (signal.aborted) return;
        const message = reasonOf(err);
        // Said once, not at every try.
        if (message !== reported) log.warn("Cannot connect to the MQTT broker", { connection: what, err });
        reported = message;
      }
      attempt = clock.monotonic() - started > backoff.max ? 0 : attempt + 1;
      try {
        await clock.sleep(backoffDelay(Math.max(0, attempt - 1), backoff), signal);
      } catch {
        return;
      }
    }
  };
  const running = run();
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort(new Error("the provider stops"));
      await running;
    },
  };
}
