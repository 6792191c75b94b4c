import { LANES, type Lane } from "../../domain/outbox.ts";
import type { Millis } from "../../domain/units.ts";
import type { LaneValues } from "./protocol.ts";

/**
 * When acknowledged rows need not be held any more. A hub writes to its disk some time after it acknowledged; until
 * then the device is the only one that can give the row again. Times are monotonic.
 */
export interface ReleaseSchedule {
  acknowledge(lane: Lane, seq: number, now: Millis): void;
  /** The hub does not hold what lies above `seq`. */
  rewind(lane: Lane, seq: number): void;
  /** Rows up to these have been held long enough. */
  released(now: Millis): LaneValues;
}

interface Step {
  seq: number;
  readonly since: number;
  at: number;
}

/** Steps that a lane keeps, about: each may hold rows for longer by this share of the time. */
const STEPS = 16;

export function createReleaseSchedule(hold: Millis): ReleaseSchedule {
  const lanes = new Map<Lane, { released: number; steps: Step[] }>(
    LANES.map((lane) => [lane, { released: 0, steps: [] }]),
  );
  const laneOf = (lane: Lane): { released: number; steps: Step[] } => lanes.get(lane) ?? { released: 0, steps: [] };
  return {
    acknowledge: (lane, seq, now) => {
      const { steps } = laneOf(lane);
      const last = steps.at(-1);
      if (last !== undefined && now - last.since < hold / STEPS) {
        last.seq = Math.max(last.seq, seq);
        last.at = now;
      } else {
        steps.push({ seq, since: now, at: now });
      }
    },
    rewind: (lane, seq) => {
      const state = laneOf(lane);
      state.released = Math.min(state.released, seq);
      state.steps = [];
    },
    released: (now) => {
      for (const state of lanes.values()) {
        for (let first = state.steps[0]; first !== undefined && first.at + hold <= now; first = state.steps[0]) {
          state.released = Math.max(state.released, first.seq);
          state.steps.shift();
        }
      }
      return Object.fromEntries(Array.from(lanes, ([lane, { released }]) => [lane, released]));
    },
  };
}
