// What the chaos test knows of a store's life: who published what, what was answered, and what was done to the agent
// and to the hub. All times are of the test's own monotonic clock, in milliseconds.

import type { Lane, LedgerEntry, PublishOutcome } from "../../src/domain/outbox.ts";
import type { Millis } from "../../src/domain/units.ts";

export type Answer =
  | { readonly kind: "accepted"; readonly seq: number; readonly outcome: PublishOutcome; readonly at: Millis }
  | { readonly kind: "refused"; readonly code: string }
  /** None came, or none was asked for. */
  | { readonly kind: "unknown" };

export interface Published {
  /** In the message's body, too. */
  readonly id: string;
  readonly producer: string;
  readonly lane: Lane;
  readonly subject: string;
  readonly sentAt: Millis;
  readonly answer: Answer;
}

/** A message of this store in the hub's stream. */
export interface AtHub {
  readonly hubSeq: number;
  readonly lane: string;
  readonly subject: string;
  readonly seq: number;
  /** Undefined for what the agent itself published. */
  readonly id: string | undefined;
}

export type ReportedEntry = Omit<LedgerEntry, "reported">;

/** The agent ended: `kill` with -9, `stop` as it was told to. */
export interface AgentEnd {
  readonly kind: "kill" | "stop";
  /** Before the signal, and after the process was gone. */
  readonly from: Millis;
  readonly to: Millis;
}

/** The hub's folder became that of an earlier moment. */
export interface Rollback {
  /** Messages that the hub had stored, and did not have any more when it started again. */
  readonly lost: ReadonlySet<string>;
  /** The device was told of it by then. */
  readonly over: Millis;
}

export interface History {
  readonly ends: readonly AgentEnd[];
  /** When the store may have been unable to commit: its disk failed or was slow, or the process was stopped. */
  readonly stalls: readonly { readonly from: Millis; readonly to: Millis }[];
  readonly rollbacks: readonly Rollback[];
}

/** Everything that the verdict is about, of one store. */
export interface StoreLife {
  readonly published: readonly Published[];
  readonly history: History;
  readonly hub: readonly AtHub[];
  readonly ledger: readonly LedgerEntry[];
  /** Entries of all ledger messages at the hub, in stream order. */
  readonly reported: readonly ReportedEntry[];
  /** Sequences that were seen at the hub at any time, with their messages. */
  readonly seen: ReadonlyMap<number, string>;
  /** How long messages may wait for their commit. */
  readonly commitInterval: { readonly standard: Millis; readonly latest: Millis };
}
