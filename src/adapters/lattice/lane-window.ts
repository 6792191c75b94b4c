// Which messages of a lane are in flight, and what each may be sent with, so that the hub can only store them once and
// in order. Pure: values in, values out.
//
// A JetStream sequence is shared by all writers of a stream, so the sequence that a message in flight will get cannot
// be known, and a guess is dangerous: with guesses g, g+1, g+2 and one foreign message in between, the first lands one
// later than guessed, the second is refused, and the third is accepted. So only a message that is sent while nothing
// is in flight names a sequence: the last one of its lane (an anchor). Each further one names the message before it,
// and is stored only directly behind that one. A foreign message in between breaks the chain: what follows is
// refused, and the lane goes on from the last message that landed, with a smaller window.

import type { Bytes } from "../../domain/units.ts";

export interface WindowLimit {
  readonly rows: number;
  readonly bytes: Bytes;
}

/** What the hub must hold for a message to be stored. */
export type Expectation =
  | { readonly kind: "anchor"; readonly laneSeq: number }
  | { readonly kind: "chain"; readonly messageId: string };

export type Outcome =
  | { readonly kind: "stored"; readonly hubSeq: number; readonly duplicate: boolean }
  /** The hub does not hold what was expected. */
  | { readonly kind: "unexpected" }
  /** The hub will never take this message. */
  | { readonly kind: "refused"; readonly reason: string };

export type Step =
  /** Send more, or wait. */
  | { readonly kind: "continue" }
  /** Something was refused and answers are still missing. */
  | { readonly kind: "settling" }
  /** Send again everything after `after`. */
  | { readonly kind: "rewind"; readonly after: number }
  /** Record `seq` as lost, then go on after it. */
  | { readonly kind: "refuse"; readonly seq: number; readonly bytes: number; readonly reason: string }
  /** What the hub holds is not known any more: ask it. */
  | { readonly kind: "resume" };

/**
 * Bursts that must land unbroken before messages are again sent while others are in flight. Doubled with each time
 * that this then broke again, because the stream's other writers are there to stay.
 */
const CALM_BURSTS = { first: 8, most: 1024 };

interface Flight {
  readonly seq: number;
  readonly messageId: string;
  readonly bytes: number;
  readonly anchor: boolean;
  outcome: Outcome | undefined;
}

export interface LaneWindow {
  /** What may be sent now; undefined while the window is full or something was refused. */
  room(): WindowLimit | undefined;
  /** Takes a message into flight. Sequences must grow. */
  push(message: { readonly seq: number; readonly messageId: string; readonly bytes: number }): Expectation;
  /** Records the hub's answer to `seq`. */
  settle(seq: number, outcome: Outcome): void;
  /** What to do now. Rewinding and refusing empty the window. */
  step(): Step;
  /** The message up to which the hub holds everything that was sent; undefined before the first. */
  stored(): { readonly seq: number; readonly hubSeq: number } | undefined;
  inFlight(): number;
  /** Sequence of the oldest message in flight. */
  oldest(): number | undefined;
  /** Rows allowed in flight now. */
  size(): number;
}

export interface LaneWindowOptions {
  readonly limit: WindowLimit;
  /** Rows allowed in flight at first. */
  readonly size: number;
  /** Stream sequence of the lane's last message at the hub, 0 when there is none. */
  readonly laneSeq: number;
}

export function createLaneWindow(options: LaneWindowOptions): LaneWindow {
  const { limit } = options;
  const flights: Flight[] = [];
  let bytes = 0;
  let { size, laneSeq } = options;
  let stored: { readonly seq: number; readonly hubSeq: number } | undefined;
  let broken = false;
  let wasBroken = false;
  let needed = CALM_BURSTS.first;
  let calm = needed;

  /** Takes the messages that landed, from the front, out of flight. */
  const advance = (): void => {
    for (let first = flights[0]; first?.outcome?.kind === "stored"; first = flights[0]) {
      flights.shift();
      bytes -= first.bytes;
      stored = { seq: first.seq, hubSeq: first.outcome.hubSeq };
      laneSeq = first.outcome.hubSeq;
      size = Math.min(limit.rows, size + 1);
      if (flights.length === 0) calm = Math.min(needed, calm + 1);
    }
  };

  const clear = (): void => {
    flights.length = 0;
    bytes = 0;
    broken = false;
  };

  return {
    room: () => {
      const [rows, left] = [size - flights.length, byteLimit() - bytes];
      const mayAdd = flights.length === 0 || calm === needed;
      if (broken || rows < 1 || !mayAdd) return undefined;
      // A message larger than the whole window goes alone.
      if (left <= 0 && flights.length > 0) return undefined;
      return { rows, bytes: Math.max(1, left) as Bytes };
    },
    push: (message) => {
      const last = flights.at(-1);
      flights.push({ ...message, anchor: last === undefined, outcome: undefined });
      bytes += message.bytes;
      return last === undefined ? { kind: "anchor", laneSeq } : { kind: "chain", messageId: last.messageId };
    },
    settle: (seq, outcome) => {
      const flight = flights.find((candidate) => candidate.seq === seq);
      if (flight === undefined || flight.outcome !== undefined) return;
      flight.outcome = outcome;
      if (outcome.kind !== "stored") broken = true;
      advance();
    },
    step: () => {
      if (!broken) return { kind: "continue" };
      if (flights.some(({ outcome }) => outcome === undefined)) return { kind: "settling" };
      const first = flights[0];
      // A message that landed behind one that did not came from an earlier connection; the hub must say what it holds.
      const overtaken = flights.some(({ outcome }) => outcome?.kind === "stored");
      if (first?.outcome === undefined || overtaken) return { kind: "resume" };
      if (first.outcome.kind === "refused") {
        clear();
        return { kind: "refuse", seq: first.seq, bytes: first.bytes, reason: first.outcome.reason };
      }
      if (first.anchor || stored === undefined) return { kind: "resume" };
      if (calm < needed) size = Math.max(1, Math.floor(size / 2));
      else needed = Math.min(CALM_BURSTS.most, wasBroken ? needed * 2 : needed);
      wasBroken = true;
      calm = 0;
      clear();
      return { kind: "rewind", after: stored.seq };
    },
    stored: () => stored,
    inFlight: () => flights.length,
    oldest: () => flights[0]?.seq,
    size: () => size,
  };

  /** Bytes shrink with the rows, so that a slow link gets a window it can carry. */
  function byteLimit(): number {
    return Math.max(1, Math.floor((limit.bytes * size) / limit.rows));
  }
}
