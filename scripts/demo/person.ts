// Somebody who presses the button now and then and looks whether the lamp answers.

import type { Chip } from "../stage/chip.ts";
import { LINES } from "./config.ts";
import { pause, repeat, withinLimit } from "../stage/wait.ts";

export interface Press {
  /** Milliseconds from the press until the lamp changed. */
  readonly reaction: number;
  /** True when the lamp was lit by it. */
  readonly lamp: boolean;
}

export interface Person {
  readonly presses: readonly Press[];
  /** Presses until `stop` is aborted. Rejects when the lamp does not answer. */
  run(stop: AbortSignal): Promise<void>;
}

const REACTION_LIMIT_MS = 5000;
const REST_MS = 100;

/** `interval` is the time between presses in milliseconds. */
export function createPerson(chip: Chip, interval: number): Person {
  const presses: Press[] = [];
  return {
    presses,
    run: (stop) =>
      repeat(interval, stop, async () => {
        const changed = chip.nextChange(LINES.lamp);
        // Awaited below, unless pressing fails first.
        changed.catch(() => {});
        const pressed = performance.now();
        await chip.set(LINES.button, true);
        const lamp = await withinLimit("the lamp to answer the button", REACTION_LIMIT_MS, changed);
        presses.push({ reaction: performance.now() - pressed, lamp });
        await chip.set(LINES.button, false);
        // A finger needs a moment; without it the next press could fall into the debounce time of this release.
        await pause(REST_MS, stop);
      }),
  };
}
