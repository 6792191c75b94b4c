import type { Lane } from "../../domain/outbox.ts";
import type { LaneForwarding } from "../../domain/outbox-report.ts";

export type MutableLaneState = { -readonly [K in keyof LaneForwarding]: LaneForwarding[K] };

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
