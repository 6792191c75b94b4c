import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import { kibibytes, mebibytes, type Bytes, type Millis } from "../../domain/units.ts";
import { DEFAULT_POLICY, type CommitPolicy } from "./commit-plan.ts";

export interface OutboxOptions {
  /** Cap over all lanes, counted as the rows lie on disk. */
  readonly maxBytes: Bytes;
  /** Largest message: subject, headers and body. NATS servers refuse above 1 MiB unless told otherwise. */
  readonly maxMessage?: Bytes;
  /** Longest that a `standard` message waits for its commit: what a power cut may cost. */
  readonly commitInterval?: Millis;
  /** Rows and bytes of `standard` messages that are committed without waiting for the interval. */
  readonly commitRows?: number;
  readonly commitBytes?: Bytes;
}

export interface StoreOptions {
  /** State directory; made when it is not there. */
  readonly dir: string;
  readonly log: Logger;
  readonly clock: Clock;
  readonly outbox: OutboxOptions;
}

export const DEFAULT_MAX_BYTES = mebibytes(256);
export const DEFAULT_MAX_MESSAGE = kibibytes(512);

export function maxMessageOf(options: OutboxOptions): Bytes {
  return options.maxMessage ?? DEFAULT_MAX_MESSAGE;
}

export function commitPolicyOf(options: OutboxOptions): CommitPolicy {
  return {
    ...DEFAULT_POLICY,
    interval: options.commitInterval ?? DEFAULT_POLICY.interval,
    rows: options.commitRows ?? DEFAULT_POLICY.rows,
    bytes: options.commitBytes ?? DEFAULT_POLICY.bytes,
  };
}
