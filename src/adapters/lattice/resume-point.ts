// Where a lane goes on after anything that left it unsure of what the hub holds. Pure, but for the questions it asks.

import { parsePosition } from "./outbox-headers.ts";
import type { StoredMessage } from "./hub-stream.ts";

/** A message that the hub acknowledged: sequence in the store, and in the hub's stream. */
export interface SeenMessage {
  readonly seq: number;
  readonly hubSeq: number;
}

export interface ResumeInput {
  readonly storeId: string;
  /** Highest sequence that the source counts as acknowledged. */
  readonly acknowledged: number;
  /** Newest message of the lane at the hub. */
  readonly last: StoredMessage | undefined;
  /** What became of acknowledged messages that the hub holds no more; asked only when there are such. */
  readonly fate: () => Promise<Fate>;
}

/** `lost`: the hub forgot its newest messages, as after a power cut. `removed`: purged, consumed or aged out. */
export type Fate = "lost" | "removed";

export interface ResumePoint {
  /** `even`: the hub holds what it acknowledged. `ahead`: it holds more, whose acknowledgement did not arrive. */
  readonly kind: "even" | "ahead" | Fate;
  /** Highest sequence of this store that the hub proves to hold. */
  readonly landed: number;
  /** Send the rows above this sequence. */
  readonly after: number;
  /** What an anchor must expect. */
  readonly laneSeq: number;
}

/** Highest sequence of this store that the hub's newest message of the lane proves; 0 for a message of another store. */
function landedSeq({ last, storeId }: Pick<ResumeInput, "last" | "storeId">): number {
  const position = last === undefined ? undefined : parsePosition((name) => last.header(name));
  return position?.storeId === storeId ? position.seq : 0;
}

/**
 * What the hub holds of this store counts as acknowledged, also when its answers were lost. A last message of another
 * store (the device was set up again) or of no forwarder says nothing about this store.
 */
export async function planResume(input: ResumeInput): Promise<ResumePoint> {
  const landed = landedSeq(input);
  const { acknowledged } = input;
  const laneSeq = input.last?.seq ?? 0;
  if (landed > acknowledged) return { kind: "ahead", landed, after: landed, laneSeq };
  if (landed === acknowledged) return { kind: "even", landed, after: acknowledged, laneSeq };
  // Acknowledged rows are sent again only when it is proven that the hub lost them; else they could be stored twice.
  const kind = await input.fate();
  return { kind, landed, after: kind === "lost" ? landed : acknowledged, laneSeq };
}

/**
 * Tells a loss from a removal by the newest message that was acknowledged. `now` is what the stream holds in its place,
 * `streamSeq` the sequence of the stream's newest message. A stream gives a sequence again only after losing it.
 */
export function judgeFate(seen: SeenMessage, now: StoredMessage | undefined, streamSeq: number, storeId: string): Fate {
  if (streamSeq < seen.hubSeq) return "lost";
  if (now === undefined) return "removed";
  const position = parsePosition((name) => now.header(name));
  return position?.storeId === storeId && position.seq === seen.seq ? "removed" : "lost";
}
