// How fast a backlog goes to the hub. What was accepted just now never waits: an alarm must not stand behind an hour of
// telemetry, on the link as little as in its own lane.

import { LANES, type Lane } from "../../domain/outbox.ts";
import { millis, seconds, type Bytes, type Millis } from "../../domain/units.ts";

export interface DrainLimit {
  /** Messages and bytes a second, over all lanes; undefined for no limit. */
  readonly messages: number | undefined;
  readonly bytes: Bytes | undefined;
  /** Devices that lost their hub together begin to drain within so long of each other. */
  readonly jitter: Millis;
}

export const DEFAULT_DRAIN: DrainLimit = { messages: 500, bytes: (256 * 1024) as Bytes, jitter: seconds(30) };

/** A message younger than this is live. */
const LIVE: Millis = seconds(10);
/** Messages that may go at once after a pause: a tenth of a second's. */
const BURST_SHARE = 0.1;
/** A burst of live messages holds a backlog up for so many bursts at most. */
const MOST_LIVE_DEBT = 10;

export interface DrainPaceDeps {
  readonly limit: DrainLimit;
  readonly clock: { monotonic(): Millis };
  readonly random?: () => number;
}

/** Shares the limit among the lanes, the most urgent one first. */
export interface DrainPace {
  /** How many rows are worth reading now. */
  room(lane: Lane): number;
  /** Whether a message of this age may go now; then it is counted. */
  take(lane: Lane, message: { readonly age: Millis | undefined; readonly bytes: number }): boolean;
  /** When `take` may say yes again, from now. */
  delay(): Millis;
  /** There is nothing of this lane left to send. */
  caughtUp(lane: Lane): void;
  /** The lane sends nothing for now, whatever it has: others must not wait for it. */
  leave(lane: Lane): void;
  /** The hub is there again after `outage`. */
  connected(outage: Millis): void;
  /** No limit until every lane has caught up. */
  lift(): void;
}

export function createDrainPace({ limit, clock, random = Math.random }: DrainPaceDeps): DrainPace {
  const messages = createBucket(limit.messages, clock);
  const bytes = createBucket(limit.bytes, clock);
  /** Lanes that were refused; a less urgent one waits for them. */
  const refused = new Set<Lane>();
  const lifted = new Set<Lane>();
  let notBefore = -Infinity;

  const isOutranked = (lane: Lane): boolean => LANES.slice(0, LANES.indexOf(lane)).some((other) => refused.has(other));
  return {
    room: (lane) => {
      if (lifted.has(lane)) return Infinity;
      // One row is always read: it may be a live one.
      if (clock.monotonic() < notBefore || isOutranked(lane)) return 1;
      return Math.max(1, Math.floor(messages.level()));
    },
    take: (lane, { age, bytes: size }) => {
      if (lifted.has(lane)) return true;
      const isLive = age !== undefined && age <= LIVE;
      const mayGo = isLive || (clock.monotonic() >= notBefore && !isOutranked(lane) && messages.has() && bytes.has());
      if (!mayGo) {
        refused.add(lane);
        return false;
      }
      refused.delete(lane);
      // A live one takes its share too, so that both together keep the limit where they can; but not from a more urgent
      // lane that waits for its turn, or telemetry would hold up what alarms are behind.
      if (isLive && isOutranked(lane)) return true;
      const debt = isLive ? MOST_LIVE_DEBT : Infinity;
      messages.take(1, debt);
      bytes.take(size, debt);
      return true;
    },
    delay: () => millis(Math.max(notBefore - clock.monotonic(), messages.delay(), bytes.delay(), 1)),
    caughtUp: (lane) => {
      refused.delete(lane);
      lifted.delete(lane);
    },
    leave: (lane) => void refused.delete(lane),
    connected: (outage) => {
      notBefore = clock.monotonic() + random() * Math.min(limit.jitter, outage);
    },
    lift: () => {
      for (const lane of LANES) lifted.add(lane);
      refused.clear();
    },
  };
}

interface Bucket {
  level(): number;
  has(): boolean;
  /**
   * May go below zero, by `debt` buckets at most: a message larger than the bucket goes when it is full, and the next
   * ones wait for as long as it takes.
   */
  take(count: number, debt: number): void;
  delay(): number;
}

/** A token bucket that holds a tenth of a second's worth, or one. */
function createBucket(rate: number | undefined, clock: { monotonic(): Millis }): Bucket {
  if (rate === undefined) return { level: () => Infinity, has: () => true, take: () => {}, delay: () => 0 };
  const capacity = Math.max(1, rate * BURST_SHARE);
  let tokens = capacity;
  let at = clock.monotonic();
  const fill = (): void => {
    const now = clock.monotonic();
    tokens = Math.min(capacity, tokens + ((now - at) / 1000) * rate);
    at = now;
  };
  /** What there must be before more goes: half a bucket, so that rows are read in handfuls. */
  const enough = Math.min(capacity, Math.max(1, capacity / 2));
  return {
    level: () => {
      fill();
      return tokens;
    },
    has: () => {
      fill();
      return tokens >= 1;
    },
    take: (count, debt) => {
      tokens = Math.min(tokens, Math.max(-debt * capacity, tokens - count));
    },
    delay: () => {
      fill();
      return tokens >= 1 ? 0 : Math.ceil(((enough - tokens) / rate) * 1000);
    },
  };
}
