// What the page's program gets each time it asks. Lists hold what is new since the tick that it has seen.

import type { LogLine } from "../domain/log-report.ts";
import type { Happening } from "./events.ts";
import type { LiveView } from "./live-view.ts";

/** Numbers of one look at the agent, for charts. */
export interface Point {
  readonly tick: number;
  /** Seconds, of the same clock as `now`. */
  readonly at: number;
  /** Undefined where the agent did not answer. */
  readonly values:
    | {
        readonly calls: number;
        readonly cpu: number;
        readonly memory: number;
        /** Messages that wait, lane by lane. */
        readonly waiting: Readonly<Record<string, number>>;
        readonly online: boolean;
      }
    | undefined;
}

export interface PageEvent extends Happening {
  readonly tick: number;
  /** Unix time in milliseconds. */
  readonly at: number;
}

export interface PageLogLine extends LogLine {
  readonly tick: number;
}

export interface PageData {
  /** Another one for each run of `petiole ui`: the ticks of another one mean nothing. */
  readonly run: string;
  readonly tick: number;
  /** Seconds of a clock that goes evenly. */
  readonly now: number;
  readonly isReachable: boolean;
  /** Unix time of when the agent began to answer, or stopped. */
  readonly since: number;
  /** Why it cannot be asked. */
  readonly reason: string | undefined;
  /** What it said last; undefined until it has said anything. */
  readonly view: LiveView | undefined;
  readonly points: readonly Point[];
  readonly events: readonly PageEvent[];
  readonly logs: readonly PageLogLine[];
}

/** What is kept of each, here and in the page. */
export const KEPT = { points: 300, events: 100, logs: 256 } as const;
