// What can be done to the device, the link and the hub, and when.

import type { Random } from "../faults/random.ts";

export const FAULTS = [
  "cut",
  "cut-amid",
  "stall",
  "delay",
  "throttle",
  "agent-kill",
  "agent-restart",
  "agent-freeze",
  "leaf-kill",
  "leaf-freeze",
  "hub-kill",
  "hub-freeze",
  "hub-restart",
  "hub-rollback",
  "disk-full",
  "disk-error",
  "disk-slow",
  "clock",
] as const;
export type FaultKind = (typeof FAULTS)[number];

/** One fault of a round; times in milliseconds from its beginning. */
export interface PlannedFault {
  readonly kind: FaultKind;
  readonly at: number;
  readonly lasts: number;
  /** From 0 to 1: how bad it is, for those that have degrees. */
  readonly degree: number;
}

export interface RoundPlan {
  readonly faults: readonly PlannedFault[];
  /** How long messages are published. */
  readonly length: number;
  /** Messages a second of each producer. */
  readonly rate: number;
  /** Most bytes of a body. */
  readonly size: number;
  /** Nothing is published any more while the last faults end, so that nothing new uncovers what they did. */
  readonly quiet: boolean;
  /** A message on each lane is published at the end, which lets the device meet the hub. */
  readonly closing: boolean;
}

/** Those that need something to happen to, one after the other: two at a time say nothing more. */
const EXCLUSIVE: Readonly<Partial<Record<FaultKind, string>>> = {
  "agent-kill": "agent",
  "agent-restart": "agent",
  "agent-freeze": "agent",
  "leaf-kill": "leaf",
  "leaf-freeze": "leaf",
  "hub-kill": "hub",
  "hub-freeze": "hub",
  "hub-restart": "hub",
  "hub-rollback": "hub",
  "disk-full": "disk",
  "disk-error": "disk",
  "disk-slow": "disk",
  cut: "link",
  stall: "link",
};

type Pair = readonly [FaultKind, FaultKind];
/** Those that are worst together: what one holds for the other to lose. */
const PAIRS: readonly [Pair, ...Pair[]] = [
  ["hub-rollback", "agent-restart"],
  ["hub-rollback", "agent-kill"],
  ["hub-rollback", "leaf-kill"],
  ["hub-rollback", "disk-error"],
  ["hub-freeze", "agent-kill"],
  ["disk-full", "agent-kill"],
  ["disk-full", "cut"],
  ["agent-freeze", "hub-rollback"],
];

export function planRound(random: Random, possible: readonly FaultKind[]): RoundPlan {
  const length = 1500 + random.below(1500);
  const count = 1 + random.below(4);
  const taken = new Set<string>();
  const faults: PlannedFault[] = [];
  const add = (kind: FaultKind): void => {
    // Two faults of one thing would undo each other.
    const thing = EXCLUSIVE[kind] ?? kind;
    if (taken.has(thing) || !possible.includes(kind)) return;
    taken.add(thing);
    const at = random.below(length);
    faults.push({ kind, at, lasts: 200 + random.below(1800), degree: random.next() });
  };
  if (random.chance(0.3)) for (const kind of random.pick(PAIRS)) add(kind);
  // An outage that fills the outbox.
  const fills = random.chance(0.2);
  if (fills && !taken.has("link")) {
    taken.add("link");
    faults.push({ kind: random.pick(["cut", "stall"]), at: 0, lasts: length, degree: 1 });
  }
  for (let tries = 0; faults.length < count && tries < 50; tries += 1) {
    const kind = possible[random.below(possible.length)];
    if (kind !== undefined) add(kind);
  }
  return {
    faults: faults.sort((a, b) => a.at - b.at),
    length,
    rate: fills ? 200 : random.pick([10, 30, 60, 120]),
    size: fills ? 40_000 : random.pick([200, 200, 1000, 4000, 16_000]),
    quiet: random.chance(0.5),
    closing: random.chance(0.2),
  };
}

export function describeFault({ kind, at, lasts }: PlannedFault): string {
  return `${kind}@${(at / 1000).toFixed(1)}+${(lasts / 1000).toFixed(1)}`;
}
