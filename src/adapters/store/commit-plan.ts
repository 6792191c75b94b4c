// When to commit: the trade between wear, latency and what a power cut may cost. Pure.

import { kibibytes, millis, seconds, type Bytes, type Millis } from "../../domain/units.ts";

export interface CommitPolicy {
  /** Longest that a `standard` message waits for its commit: what a power cut may cost. */
  readonly interval: Millis;
  /** Rows and bytes of `standard` messages that are committed without waiting longer. */
  readonly rows: number;
  readonly bytes: Bytes;
  /** The same while the hub takes messages: it then acknowledges most of them before they must be written. */
  readonly flowingRows: number;
  readonly flowingBytes: Bytes;
  /** Least time between two commits for `critical` messages and key-value writes; those in between share one. */
  readonly coalesce: Millis;
  /** Longest that a value of lane `latest` waits for its commit. */
  readonly latest: Millis;
  /** Longest that acknowledgements, losses and other book-keeping wait when nothing else is to be committed. */
  readonly books: Millis;
}

export const DEFAULT_POLICY: CommitPolicy = {
  interval: seconds(1),
  rows: 128,
  bytes: kibibytes(64),
  flowingRows: 1024,
  flowingBytes: kibibytes(512),
  coalesce: millis(10),
  latest: seconds(30),
  // The hub tells after a restart what it has, so a late acknowledgement costs nothing but space.
  books: seconds(5),
};

/** What waits for a commit. Times are monotonic; undefined where nothing waits. */
export interface Waiting {
  /** `critical` messages and key-value writes: somebody waits for each. */
  readonly urgent: number;
  readonly standardRows: number;
  readonly standardBytes: number;
  readonly standardSince: Millis | undefined;
  readonly latestSince: Millis | undefined;
  readonly booksSince: Millis | undefined;
  /** The hub acknowledged something of late. */
  readonly flowing: boolean;
  /** A flush was asked for. */
  readonly flush: boolean;
}

export const NOTHING_WAITING: Waiting = {
  urgent: 0,
  standardRows: 0,
  standardBytes: 0,
  standardSince: undefined,
  latestSince: undefined,
  booksSince: undefined,
  flowing: false,
  flush: false,
};

export interface LastCommit {
  /** When it began; undefined before the first. */
  readonly at: Millis | undefined;
  readonly failed: boolean;
}

/**
 * When the next commit is due; a time that has passed means now. Undefined: nothing waits. The first urgent message
 * after a pause is committed at once, those that follow closely share commits. After a failure nothing is tried more
 * often than once an interval, unless somebody waits.
 */
export function commitDue(waiting: Waiting, policy: CommitPolicy, last: LastCommit): Millis | undefined {
  const due: number[] = [];
  const ago = (duration: Millis): number => (last.at === undefined ? -Infinity : last.at + duration);
  const lazy = (wanted: number, interval: Millis): void => {
    due.push(last.failed ? Math.max(wanted, ago(interval)) : wanted);
  };
  if (waiting.flush) due.push(-Infinity);
  if (waiting.urgent > 0) due.push(ago(policy.coalesce));
  if (waiting.standardSince !== undefined) {
    lazy(isFull(waiting, policy) ? -Infinity : waiting.standardSince + policy.interval, policy.interval);
  }
  if (waiting.latestSince !== undefined) lazy(waiting.latestSince + policy.latest, policy.latest);
  if (waiting.booksSince !== undefined) lazy(waiting.booksSince + policy.books, policy.books);
  return due.length === 0 ? undefined : millis(Math.min(...due));
}

function isFull({ flowing, standardRows, standardBytes }: Waiting, policy: CommitPolicy): boolean {
  const rows = flowing ? Math.max(policy.rows, policy.flowingRows) : policy.rows;
  const bytes = flowing ? Math.max(policy.bytes, policy.flowingBytes) : policy.bytes;
  return standardRows >= rows || standardBytes >= bytes;
}
