import type { WarmThread } from "./worker-client.ts";
import { defaultLanePolicies, DEFAULT_HUB_HOLD, type LanePolicies, type LanePolicy } from "../../domain/lane-policy.ts";
import { LANES, type Lane } from "../../domain/outbox.ts";
import { kibibytes, mebibytes, type Bytes, type Millis } from "../../domain/units.ts";
import type { ClockTrust } from "../../domain/clock.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import { DEFAULT_POLICY, type CommitPolicy } from "./commit-plan.ts";

export interface OutboxOptions {
  /** Cap over all lanes, counted as the rows lie on disk. */
  readonly maxBytes: Bytes;
  /** Largest message: subject, headers and body. NATS servers refuse above 1 MiB unless told otherwise. */
  readonly maxMessage?: Bytes;
  /** What differs from the defaults (domain/lane-policy.ts). */
  readonly lanes?: Readonly<Partial<Record<Lane, Partial<LanePolicy>>>> | undefined;
  /** How long rows that the hub acknowledged are kept, to be sent again if it loses them. */
  readonly hubHold?: Millis | undefined;
  /** What the waiting messages of one publisher may take; no limit unless given. */
  readonly quota?: Bytes | undefined;
  /** The same for those with a limit of their own. */
  readonly quotas?: Readonly<Record<string, Bytes>> | undefined;
}

export interface StoreOptions {
  /** State directory, made when it is not there; undefined keeps everything in memory. */
  readonly dir: string | undefined;
  readonly log: Logger;
  readonly clock: Clock;
  readonly outbox: OutboxOptions;
  /** Whether the wall clock can be trusted now; always unless given. */
  readonly clockTrust?: (() => ClockTrust) | undefined;
  /** Identity of this boot; the kernel's unless given. */
  readonly bootId?: string | undefined;
  /** A thread to use; a new one unless given. */
  readonly warm?: WarmThread | undefined;
}

export const DEFAULT_MAX_MESSAGE = kibibytes(512);
/** What waiting and held messages may take of memory where nothing can be written. */
export const MEMORY_CAP = mebibytes(8);

export function maxMessageOf(options: OutboxOptions): Bytes {
  return options.maxMessage ?? DEFAULT_MAX_MESSAGE;
}

export function hubHoldOf(options: OutboxOptions): Millis {
  return options.hubHold ?? DEFAULT_HUB_HOLD;
}

export function lanePoliciesOf({ maxBytes, lanes }: Pick<OutboxOptions, "maxBytes" | "lanes">): LanePolicies {
  const defaults = defaultLanePolicies(maxBytes);
  const merge = (lane: Lane): LanePolicy => ({ ...defaults[lane], ...lanes?.[lane] });
  const [critical, standard, latest, ephemeral] = LANES;
  return {
    critical: merge(critical),
    standard: merge(standard),
    latest: merge(latest),
    ephemeral: merge(ephemeral),
  };
}

export function commitPolicyOf({ standard, latest }: LanePolicies): CommitPolicy {
  const { commitInterval: interval, commitRows: rows } = standard;
  return { ...DEFAULT_POLICY, interval, rows, latest: latest.commitInterval };
}
