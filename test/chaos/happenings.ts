import type { Millis } from "../../src/domain/units.ts";
import type { AgentEnd, History, Published, Rollback } from "./history.ts";
import { now } from "./producers.ts";

/** Account of what one store lived through. */
export interface Happenings {
  readonly published: readonly Published[];
  readonly history: History;
  /** Sequences that were seen at the hub at any time. */
  readonly seen: Map<number, string>;
  record(message: Published): void;
  ended(end: AgentEnd): void;
  /** The store cannot commit from now on, until the returned function is called. */
  stalled(): () => void;
  rolledBack(rollback: Rollback): void;
}

export function createHappenings(): Happenings {
  const published: Published[] = [];
  const ends: AgentEnd[] = [];
  const stalls: { readonly from: Millis; to: Millis }[] = [];
  const rollbacks: Rollback[] = [];
  return {
    published,
    history: { ends, stalls, rollbacks },
    seen: new Map(),
    record: (message) => void published.push(message),
    ended: (end) => void ends.push(end),
    stalled: () => {
      const stall = { from: now(), to: Infinity as Millis };
      stalls.push(stall);
      return () => {
        stall.to = now();
      };
    },
    rolledBack: (rollback) => void rollbacks.push(rollback),
  };
}
