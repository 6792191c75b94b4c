import type { Ending, Stage } from "./perform.ts";

/** What the `run.ts` of an example exports as `example`. */
export interface Example {
  /** One line for the list of examples. */
  readonly summary: string;
  /** Other ways to play it: names of switches, with a line about each. */
  readonly switches?: Readonly<Record<string, string>>;
  /**
   * Starts what the example needs, tells its story, and checks it. Throws with the reason when something is not right. `on` has the
   * switches that were given.
   */
  readonly play: (stage: Stage, on: ReadonlySet<string>) => Promise<Ending>;
}
