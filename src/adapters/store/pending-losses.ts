import type { MemoryLoss } from "./protocol.ts";

/** Losses that wait to be written down; beyond it those of a kind become one. */
const MOST_LOSSES = 256;

/** Messages that were given up in memory and are not in the ledger yet, oldest first. */
export interface PendingLosses {
  readonly size: number;
  add(loss: MemoryLoss): void;
  take(): readonly MemoryLoss[];
  /** The commit failed: what it took waits again, before what came since. */
  restore(losses: readonly MemoryLoss[]): void;
}

export function createPendingLosses(): PendingLosses {
  let losses: MemoryLoss[] = [];
  const add = (loss: MemoryLoss): void => {
    const same = losses.findLastIndex(({ lane, reason }) => lane === loss.lane && reason === loss.reason);
    const last = losses[same];
    if (last === undefined || losses.length < MOST_LOSSES) {
      losses.push(loss);
      return;
    }
    losses[same] = {
      ...last,
      from: Math.min(last.from, loss.from),
      to: Math.max(last.to, loss.to),
      count: last.count + loss.count,
      bytes: last.bytes + loss.bytes,
    };
  };
  return {
    get size() {
      return losses.length;
    },
    add,
    take: () => {
      const taken = losses;
      losses = [];
      return taken;
    },
    restore: (taken) => {
      const since = losses;
      losses = [...taken];
      for (const loss of since) add(loss);
    },
  };
}
