import { millis, type Millis } from "../../domain/units.ts";
import type { Clock } from "../../lib/clock.ts";

/** One call at a time that was asked for, or an earlier one. */
export interface Alarm {
  /** Calls at `at`, unless it is set to an earlier time already. */
  set(at: Millis): void;
  cancel(): void;
}

export function createAlarm(clock: Clock, ring: () => void): Alarm {
  let current: { readonly at: Millis; readonly cancel: AbortController } | undefined;
  const cancel = (): void => {
    current?.cancel.abort();
    current = undefined;
  };
  return {
    cancel,
    set: (at) => {
      if (current !== undefined && current.at <= at) return;
      cancel();
      const controller = new AbortController();
      current = { at, cancel: controller };
      void clock.sleep(millis(Math.max(0, at - clock.monotonic())), controller.signal).then(
        () => {
          current = undefined;
          ring();
        },
        () => {
          // It was not needed any more.
        },
      );
    },
  };
}
