// Whether the operator still knows of a workload. It tells no host that a workload was deleted while the host was away; but of
// those that it knows it asks every 30 s, and for the host every 60 s. Pure.

import type { Millis } from "../../../domain/units.ts";
import { seconds } from "../../../domain/units.ts";

/** Without a word for so long, the operator counts as away: its next word begins a new time. */
const SILENCE = seconds(90);

export interface Contact {
  /** The operator asked something at this time. */
  heard(now: number): void;
  /** And that was about this workload. */
  named(id: string, now: number): void;
  forget(id: string): void;
  lastHeard(): number | undefined;
  /** The operator is there, and has not asked for it since it came back. */
  isUnconfirmed(id: string): boolean;
  /** The operator is there, and has not asked for it for longer than `lease`. */
  isForgotten(id: string, now: number, lease: Millis): boolean;
}

export function createContact(): Contact {
  const asked = new Map<string, number>();
  let since: number | undefined;
  let last: number | undefined;

  function heard(now: number): void {
    if (last === undefined || now - last > SILENCE) since = now;
    last = now;
  }

  return {
    heard,
    named(id, now) {
      heard(now);
      asked.set(id, now);
    },
    forget: (id) => void asked.delete(id),
    lastHeard: () => last,
    isUnconfirmed: (id) => since !== undefined && (asked.get(id) ?? -Infinity) < since,
    isForgotten(id, now, lease) {
      if (since === undefined || last === undefined || now - last > SILENCE) return false;
      return now - Math.max(since, asked.get(id) ?? since) > lease;
    },
  };
}
