import type { Ending, Stage } from "./perform.ts";

/** What the `run.ts` of an example exports as `example`. */
export interface Example {
  /** One line for the list of examples. */
  readonly summary: string;
  /** Starts what the example needs, tells its story, and checks it. Throws with the reason when something is not right. */
  readonly play: (stage: Stage) => Promise<Ending>;
}
