import type { Lane } from "../../domain/outbox.ts";
import type { StatusError } from "../../domain/status.ts";

/** `waiting`: for a connection or for the next try. `resuming`: asks the hub what it holds. */
export type LanePhase = "waiting" | "resuming" | "forwarding";

/** Counts are since the forwarder was created. */
export interface LaneState {
  readonly lane: Lane;
  readonly phase: LanePhase;
  readonly inFlight: number;
  /** Rows allowed in flight now; smaller while other devices write to the stream at the same time. */
  readonly window: number;
  /** Messages that the hub acknowledged one by one. */
  readonly stored: number;
  /** Of those, the ones that the hub already held. */
  readonly duplicates: number;
  /** Times the hub refused a message because the stream held something else than expected. */
  readonly unexpected: number;
  /** Messages that the hub will never take; each was given to `refuse`. */
  readonly refused: number;
  /** Times the hub held less than it had acknowledged. */
  readonly hubBehind: number;
  readonly lastError: StatusError | undefined;
}

export interface ForwarderState {
  /** Name of the hub's stream, once found. */
  readonly stream: string | undefined;
  readonly lanes: readonly LaneState[];
}

export type MutableLaneState = { -readonly [K in keyof LaneState]: LaneState[K] };

export function initialLaneState(lane: Lane, window: number): MutableLaneState {
  return {
    lane,
    phase: "waiting",
    inFlight: 0,
    window,
    stored: 0,
    duplicates: 0,
    unexpected: 0,
    refused: 0,
    hubBehind: 0,
    lastError: undefined,
  };
}
