import { setTimeout } from "node:timers/promises";
import { PetioleError } from "../../domain/errors.ts";
import { millis, type Millis } from "../../domain/units.ts";

export interface Outcome<T> {
  /** Undefined: it goes on. */
  readonly done: T | undefined;
  /** How far it is. */
  readonly text: string;
}

export interface WaitOptions {
  /** What is waited for, such as `"thermo" to run`. */
  readonly what: string;
  readonly limit: Millis;
  readonly show: (text: string) => void;
}

const PAUSE = millis(200);

/**
 * Looks until there is an outcome.
 * @throws PetioleError ERR_APPLICATION_PENDING when there is none in time; what `look` throws
 */
export async function waitForOutcome<T>(
  { what, limit, show }: WaitOptions,
  look: () => Promise<Outcome<T>>,
): Promise<T> {
  const end = performance.now() + limit;
  for (;;) {
    const { done, text } = await look();
    if (done !== undefined) return done;
    show(text);
    if (performance.now() >= end) {
      throw new PetioleError("ERR_APPLICATION_PENDING", `Cannot wait any longer for ${what}:\n${text}`);
    }
    await setTimeout(PAUSE);
  }
}
