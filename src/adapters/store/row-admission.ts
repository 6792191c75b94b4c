// Which rows of a commit come in. Pure.

import { isStoredLane, type StoredLane } from "../../domain/outbox.ts";
import type { CommitRequest, RowGroup, Write } from "./protocol.ts";
import { costOf, type RowRecord } from "./row.ts";

export interface Admitted {
  readonly rows: readonly (RowRecord & { readonly lane: StoredLane })[];
  /** Bytes of them. */
  readonly cost: number;
  /** Sequences of those that do not. */
  readonly refused: readonly number[];
  /** Of the groups that came in. */
  readonly notes: readonly Write[];
}

/**
 * All but `critical` rows beyond `room`, which never make way and for which nothing else may, and what belongs together
 * with one of those.
 */
export function admitRows({ rows, groups }: Pick<CommitRequest, "rows" | "groups">, room: number): Admitted {
  const refused = new Set<number>();
  let left = room;
  for (const row of rows) {
    if (row.lane !== "critical") continue;
    const cost = costOf(row);
    if (cost > left) refused.add(row.seq);
    else left -= cost;
  }
  const isWhole = ({ seqs }: RowGroup): boolean => !seqs.some((seq) => refused.has(seq));
  const [whole, broken] = [groups.filter(isWhole), groups.filter((group) => !isWhole(group))];
  for (const { seqs } of broken) for (const seq of seqs) refused.add(seq);
  const admitted = rows.flatMap((row) =>
    isStoredLane(row.lane) && !refused.has(row.seq) ? [{ ...row, lane: row.lane }] : [],
  );
  return {
    rows: admitted,
    cost: admitted.reduce((sum, row) => sum + costOf(row), 0),
    refused: [...refused],
    notes: whole.map(({ note }) => note),
  };
}
