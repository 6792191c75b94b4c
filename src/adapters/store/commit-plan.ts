// When to commit: the trade between wear, latency and what a power cut may cost. Pure.

import { bytes, kibibytes, millis, seconds, type Bytes, type Millis } from "../../domain/units.ts";

export interface CommitPolicy {
  /** Longest that a `standard` message waits for its commit: what a power cut may cost. */
  readonly interval: Millis;
  /** Rows and bytes of `standard` messages that are committed without waiting longer. */
  readonly rows: number;
  readonly bytes: Bytes;
  /** Least time between two commits for `critical` messages and key-value writes; those in between share one. */
  readonly coalesce: Millis;
  /** Longest that an acknowledgement waits when nothing else is to be committed. */
  readonly acknowledge: Millis;
}

export const DEFAULT_POLICY: CommitPolicy = {
  interval: seconds(1),
  rows: 128,
  bytes: kibibytes(64),
  coalesce: millis(10),
  acknowledge: seconds(1),
};

/** What waits for a commit. Times are monotonic. */
export interface Waiting {
  /** `critical` messages and key-value writes: somebody waits for each. */
  readonly urgent: number;
  readonly standardRows: number;
  readonly standardBytes: Bytes;
  readonly standardSince: Millis | undefined;
  readonly acknowledgedSince: Millis | undefined;
  /** A flush was asked for. */
  readonly flush: boolean;
}

export const NOTHING_WAITING: Waiting = {
  urgent: 0,
  standardRows: 0,
  standardBytes: bytes(0),
  standardSince: undefined,
  acknowledgedSince: undefined,
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
  if (waiting.flush) due.push(-Infinity);
  if (waiting.urgent > 0) due.push(ago(policy.coalesce));
  if (waiting.standardSince !== undefined) {
    const isFull = waiting.standardRows >= policy.rows || waiting.standardBytes >= policy.bytes;
    const wanted = isFull ? -Infinity : waiting.standardSince + policy.interval;
    due.push(last.failed ? Math.max(wanted, ago(policy.interval)) : wanted);
  }
  if (waiting.acknowledgedSince !== undefined) {
    const wanted = waiting.acknowledgedSince + policy.acknowledge;
    due.push(last.failed ? Math.max(wanted, ago(policy.acknowledge)) : wanted);
  }
  return due.length === 0 ? undefined : millis(Math.min(...due));
}
