import type { DevEvent } from "./events.ts";

/** Calls of one kind that are shown in a second. */
const MOST = 5;
const SECOND_MS = 1000;
/** Kinds that are remembered: names of components and functions, of which there are few. */
const MOST_KINDS = 1000;

/** What to do with an event: `left` is how many like it were left out since one was shown. */
export interface Thinned {
  readonly isShown: boolean;
  readonly left: number;
}

/** Leaves calls out that come too often to be read, such as those of a poll; never one that failed. */
export function createThinOut(now: () => number): (event: DevEvent) => Thinned {
  const kinds = new Map<string, { since: number; shown: number; left: number }>();
  return (event) => {
    if ((event.kind !== "call" && event.kind !== "import") || event.error !== undefined)
      return { isShown: true, left: 0 };
    const key = `${event.kind} ${event.component} ${event.kind === "call" ? event.from : event.to} ${event.what}`;
    if (kinds.size >= MOST_KINDS) kinds.clear();
    const kind = kinds.get(key) ?? { since: now(), shown: 0, left: 0 };
    kinds.set(key, kind);
    if (now() - kind.since >= SECOND_MS) {
      kind.since = now();
      kind.shown = 0;
    }
    if (kind.shown >= MOST) {
      kind.left += 1;
      return { isShown: false, left: 0 };
    }
    const { left } = kind;
    kind.shown += 1;
    kind.left = 0;
    return { isShown: true, left };
  };
}
