// Shapes of the way from the hub to the device: messages that are stored first and handled afterwards.

import type { Bytes } from "./units.ts";

/** Where a message stood in the hub's stream. */
export interface StreamPosition {
  readonly stream: string;
  /** When the hub made the stream: one that was made again under the same name counts from the start. */
  readonly created: string;
  readonly seq: number;
  /** When the hub stored it, in nanoseconds since 1970; more than a JavaScript number holds. */
  readonly time: bigint;
}

export interface InboundMessage {
  /** As the component sees it, such as `commands.lamp`. */
  readonly subject: string;
  readonly body: Uint8Array;
  readonly origin: StreamPosition;
}

/** A message that was given up. */
export interface DeadLetter {
  readonly subject: string;
  readonly stream: string;
  /** Sequence in the hub's stream. */
  readonly seq: number;
  readonly size: Bytes;
  /** How often a component was given it. */
  readonly attempts: number;
  readonly reason: string;
}

export interface InboxStats {
  /** Messages on the device that no component has handled yet. */
  readonly waiting: number;
  readonly bytes: Bytes;
  readonly maxMessages: number;
  readonly maxBytes: Bytes;
  /** Of `waiting`: messages that no subscription takes. */
  readonly unclaimed: number;
  /** Since the agent started: stored, and handled by a component. */
  readonly stored: number;
  readonly handled: number;
  /** Attempts that failed, and attempts of which an earlier one may have done its work, since the agent started. */
  readonly failures: number;
  readonly repeats: number;
  /** Messages given up, oldest first, and how many older ones were forgotten since the agent started. */
  readonly dead: readonly DeadLetter[];
  readonly deadForgotten: number;
}
