import { STORED_LANES } from "../../domain/outbox.ts";
import { PetioleError } from "../../domain/errors.ts";
import type { StoredState } from "./protocol.ts";
import type { RowRecord } from "./row.ts";

/** What the waiting messages of one publisher may take, so that one cannot push the others out. */
export interface Quota {
  /** @throws PetioleError ERR_OUTBOX_QUOTA */
  check(row: RowRecord, cost: number): void;
  /** A message of a stored lane was accepted. */
  add(owner: string, cost: number): void;
  /** Counts stored lanes anew: what the database holds, and `unwritten` beside it. */
  recount(stored: StoredState, unwritten: Iterable<{ readonly row: RowRecord; readonly cost: number }>): void;
}

export interface QuotaLimits {
  readonly each: number | undefined;
  readonly of: Readonly<Record<string, number>>;
}

/** `inMemory`: what the lanes that are not stored hold of a publisher. */
export function createQuota({ each, of }: QuotaLimits, inMemory: (owner: string) => number): Quota {
  const used = new Map<string, number>();
  const isLimited = each !== undefined || Object.keys(of).length > 0;
  const add = (owner: string, cost: number): void => void used.set(owner, (used.get(owner) ?? 0) + cost);
  return {
    check: ({ owner, subject, lane }, cost) => {
      if (!isLimited || owner === "") return;
      const limit = Object.hasOwn(of, owner) ? of[owner] : each;
      if (limit === undefined || (used.get(owner) ?? 0) + inMemory(owner) + cost <= limit) return;
      throw new PetioleError(
        "ERR_OUTBOX_QUOTA",
        `Cannot accept a message for "${subject}" on lane "${lane}": "${owner}" has used up its ${limit} bytes`,
      );
    },
    add: (owner, cost) => {
      if (isLimited) add(owner, cost);
    },
    recount: (stored, unwritten) => {
      if (!isLimited) return;
      used.clear();
      for (const lane of STORED_LANES) {
        for (const [owner, bytes] of Object.entries(stored.lanes[lane].owners)) add(owner, bytes);
      }
      for (const { row, cost } of unwritten) add(row.owner, cost);
    },
  };
}
