import type { Clock, Millis } from "#provider";

export interface Pulses extends AsyncDisposable {
  /** Sets a line active now and inactive after `duration`; a further pulse restarts the time. */
  start(offset: number, duration: Millis): void;
  /** Somebody else decides the level from here on. */
  cancel(offset: number): void;
}

export interface PulsesDeps {
  readonly clock: Clock;
  readonly set: (offset: number, level: boolean) => void;
  /** The line could not be set inactive at the end. */
  readonly onError: (offset: number, error: unknown) => void;
}

/** Pulses belong to the provider and not to the component: they end also when the component does. */
export function createPulses({ clock, set, onError }: PulsesDeps): Pulses {
  const active = new Map<number, AbortController>();

  const end = (offset: number): void => {
    try {
      set(offset, false);
    } catch (error) {
      onError(offset, error);
    }
  };

  const cancel = (offset: number): void => {
    active.get(offset)?.abort(new Error("the pulse was replaced"));
    active.delete(offset);
  };

  return {
    start(offset, duration) {
      set(offset, true);
      cancel(offset);
      const timer = new AbortController();
      active.set(offset, timer);
      clock.sleep(duration, timer.signal).then(
        () => {
          active.delete(offset);
          end(offset);
        },
        // Replaced, cancelled, or ended with the provider.
        () => {},
      );
    },
    cancel,
    async [Symbol.asyncDispose]() {
      for (const offset of active.keys()) {
        cancel(offset);
        end(offset);
      }
    },
  };
}
