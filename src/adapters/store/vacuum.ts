import { millis, seconds, type Millis } from "../../domain/units.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";

/** Pages moved in one step: short enough that a commit behind it does not wait long. */
const STEP_PAGES = 128;
/** How long a file must have been mostly empty. The next backlog may need the pages again. */
const DELAY: Millis = seconds(5);
/** Pause between two steps. */
const PAUSE: Millis = millis(20);

export interface VacuumDeps {
  readonly clock: Clock;
  readonly log: Logger;
  /** Gives so many pages back; whether there are more. */
  readonly step: (pages: number) => Promise<boolean>;
}

/** Gives the space of a drained backlog back to the file system, slowly and some time after the drain. */
export interface Vacuum extends AsyncDisposable {
  /** Each commit says whether the file is mostly empty now. */
  observe(spacious: boolean): void;
}

export function createVacuum({ clock, log, step }: VacuumDeps): Vacuum {
  const cancel = new AbortController();
  const file = { isSpacious: false };
  let running: Promise<void> | undefined;
  const run = async (): Promise<void> => {
    try {
      await clock.sleep(DELAY, cancel.signal);
      while (file.isSpacious && (await step(STEP_PAGES))) await clock.sleep(PAUSE, cancel.signal);
      file.isSpacious = false;
    } catch (error) {
      if (!cancel.signal.aborted) log.warn("The store cannot give space back", { err: error });
    } finally {
      running = undefined;
    }
  };
  return {
    observe: (spacious) => {
      file.isSpacious = spacious;
      if (spacious && !cancel.signal.aborted) running ??= run();
    },
    [Symbol.asyncDispose]: async () => {
      cancel.abort();
      await running;
    },
  };
}
