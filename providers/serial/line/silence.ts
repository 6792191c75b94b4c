import { millis, type Clock, type Millis } from "#provider";

export interface SilenceDeps {
  readonly gap: Millis;
  readonly clock: Clock;
  readonly onSilence: () => void;
}

/** Notices that nothing was heard for a while. */
export interface Silence extends Disposable {
  /** Something was heard; when nothing is for `gap`, `onSilence` is called, once. */
  heard(): void;
}

/** One timer at a time, however many chunks there are. */
export function createSilence({ gap, clock, onSilence }: SilenceDeps): Silence {
  const ending = new AbortController();
  let last = 0;
  let isWatching = false;

  const watch = async (): Promise<void> => {
    for (;;) {
      const left = last + gap - clock.monotonic();
      if (left > 0) {
        await clock.sleep(millis(left), ending.signal);
        // What was there before the timer fired and could not be read for lack of time is no silence.
        await new Promise((resolve) => setImmediate(resolve));
      } else {
        break;
      }
    }
    isWatching = false;
    onSilence();
  };

  return {
    heard() {
      last = clock.monotonic();
      if (isWatching || ending.signal.aborted) return;
      isWatching = true;
      // It ends early only when this is disposed.
      watch().catch(() => {});
    },
    [Symbol.dispose]: () => ending.abort(),
  };
}
