// What `petiole outbox` and its commands show; also the answers of the control socket, as JSON.

import type { HubLinkState } from "./hub-link.ts";
import { LANES, type Lane, type OutboxStats } from "./outbox.ts";
import type { StatusError } from "./status.ts";
import type { Bytes, Millis } from "./units.ts";

/** One lane's way to the hub. Counts are since the agent started. */
export interface LaneForwarding {
  readonly lane: Lane;
  /** `waiting`: for a connection or for the next try. `resuming`: asks the hub what it holds. */
  readonly phase: "waiting" | "resuming" | "forwarding";
  readonly inFlight: number;
  /** Rows allowed in flight now; smaller while other devices write to the stream at the same time. */
  readonly window: number;
  /** Messages that the hub acknowledged one by one. */
  readonly stored: number;
  /** Of those, the ones that the hub already held. */
  readonly duplicates: number;
  /** Times the hub refused a message because the stream held something else than expected. */
  readonly unexpected: number;
  /** Messages that the hub will never take; each is in the ledger. */
  readonly refused: number;
  /** Times the hub held less than it had acknowledged. */
  readonly hubBehind: number;
  readonly lastError: StatusError | undefined;
}

export interface ForwarderState {
  /** Name of the hub's stream, once found. */
  readonly stream: string | undefined;
  readonly lanes: readonly LaneForwarding[];
}

/** Messages a second over the last minute. */
export interface LaneRates {
  readonly lane: Lane;
  readonly accepted: number;
  readonly delivered: number;
}

/** `memory`: the medium cannot be written, so nothing survives the process. */
export interface StoreCondition {
  readonly mode: "disk" | "memory";
  readonly reason?: string | undefined;
}

export interface OutboxReport {
  readonly stats: OutboxStats;
  readonly hub: HubLinkState;
  readonly forwarder: ForwarderState;
  /** Forwarding is paused by an operator, over restarts. */
  readonly paused: boolean;
  readonly rates: readonly LaneRates[];
  readonly store: StoreCondition;
}

/** Rows of a lane that waited when a drain began and wait still. */
export interface LaneLeft {
  readonly lane: Lane;
  readonly rows: number;
}

export interface DrainReport {
  readonly left: readonly LaneLeft[];
  /** Nothing is forwarded while an operator has paused it. */
  readonly paused: boolean;
}

/** Lanes that keep their messages on disk until the hub has them: what is in no other lane for long is not exported. */
export const EXPORTED_LANES: readonly Lane[] = LANES.filter((lane) => lane === "critical" || lane === "standard");

export interface LaneTotals {
  readonly lane: Lane;
  readonly rows: number;
  /** Subjects, headers and bodies. */
  readonly bytes: Bytes;
}

/** What a file with messages of an outbox holds. */
export interface TransferTotals {
  readonly rows: number;
  readonly bytes: Bytes;
  readonly lanes: readonly LaneTotals[];
  /** Acceptance time of the oldest message whose time is known. */
  readonly oldest: Millis | undefined;
}

export interface ExportReport extends TransferTotals {
  readonly file: string;
  /** Undefined when there was nothing to export, and no file was made. */
  readonly id: string | undefined;
  /** Bytes of the file. */
  readonly size: Bytes;
  readonly dryRun: boolean;
  /** An earlier run had handed the messages over; this one finished its file. */
  readonly completed: boolean;
  /** What an earlier run left without having handed anything over was replaced. */
  readonly replaced: boolean;
}

export interface ImportReport extends TransferTotals {
  readonly file: string;
  readonly id: string;
  /** Who exported it. */
  readonly device: string;
  readonly storeId: string;
  /** Unix time of the export, by that device's clock. */
  readonly madeAt: Millis;
  readonly dryRun: boolean;
  /** Messages that an interrupted run had taken in before. */
  readonly before: number;
  /** Messages taken in by this run. */
  readonly imported: number;
}

export interface TransferProgress {
  readonly stage: "reading" | "writing" | "importing";
  readonly rows: number;
}
