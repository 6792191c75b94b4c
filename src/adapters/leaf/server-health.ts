import { seconds, type Millis } from "../../domain/units.ts";
import type { Clock } from "../../lib/clock.ts";

export interface ServerHealthOptions {
  /** Resolves when the server answers; rejects when it does not within `timeout`. */
  readonly probe: (timeout: Millis) => Promise<unknown>;
  /** Told after so many failures in a row; counting starts again then. */
  readonly onStuck: (failures: number) => void;
  readonly clock: Clock;
  readonly interval?: Millis;
  readonly timeout?: Millis;
}

const FAILURES = 3;

/**
 * Sees that a server is alive as a process but does nothing any more: stopped, or without a processor for good. One
 * slow answer on a busy board is not taken for that.
 */
export function watchServerHealth(options: ServerHealthOptions): AsyncDisposable {
  const { clock } = options;
  const stop = new AbortController();

  async function watch(): Promise<void> {
    let failures = 0;
    while (!stop.signal.aborted) {
      await clock.sleep(options.interval ?? seconds(5), stop.signal).catch(() => {});
      if (stop.signal.aborted) return;
      const answered = await options.probe(options.timeout ?? seconds(5)).then(
        () => true,
        () => false,
      );
      failures = answered ? 0 : failures + 1;
      if (failures < FAILURES || stop.signal.aborted) continue;
      options.onStuck(failures);
      failures = 0;
    }
  }

  const watching = watch();
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await watching;
    },
  };
}
