// What the load of the power-cut test says while it runs, and what of it a power cut may not take. Pure.

import type { Lane } from "../../src/domain/outbox.ts";
import { createRandom } from "./random.ts";

/** The lanes that the load publishes on. */
export type LoadLane = Extract<Lane, "critical" | "standard">;
export const LOAD_LANES = ["critical", "standard"] as const satisfies readonly LoadLane[];

/** What the load counts up: a key's value, a counter, and a saved state. */
export const TALLIES = ["key", "counter", "state"] as const;
export type Tally = (typeof TALLIES)[number];

export type Mark =
  /** Another process opened the store: what waited in the memory of the one before is gone. */
  | { readonly kind: "opened" }
  /** `publish` resolved: as durable, or only accepted. */
  | { readonly kind: "durable" | "accepted"; readonly lane: LoadLane; readonly seq: number; readonly label: string }
  /** Around a flush that succeeded: what was accepted or acknowledged before the first is durable after the second. */
  | { readonly kind: "flushing" | "flushed"; readonly id: string }
  /**
   * Rows up to `seq` were read, so they may be at the hub from here on; or the hub said that it has them, so they may
   * be gone.
   */
  | { readonly kind: "offered" | "acknowledging"; readonly lane: LoadLane; readonly seq: number }
  /** Before and after one of the tallies becomes `value`. */
  | { readonly kind: "raising" | "raised"; readonly tally: Tally; readonly value: number };

export const formatMark = (mark: Mark): string => `${JSON.stringify(mark)}\n`;

/** The text of a record of kind `mark`, as the load wrote it. */
export const parseMark = (text: string): Mark => JSON.parse(text) as Mark;

/** The body that a message with this label has: a reader can tell from the body alone that it is intact. */
export function bodyOf(label: string): Uint8Array {
  const random = createRandom(Buffer.from(label).reduce((sum, byte) => Math.imul(sum, 31) + byte, 7));
  const size = random.chance(0.03) ? 20_000 : random.below(random.chance(0.5) ? 3000 : 300);
  return new TextEncoder().encode(`${label}|`.padEnd(size, label));
}

/** Undefined for a body that is not what its label says. */
export function labelOf(body: Uint8Array): string | undefined {
  const text = new TextDecoder().decode(body);
  const label = text.slice(0, Math.max(0, text.indexOf("|")));
  return Buffer.from(bodyOf(label)).equals(body) ? label : undefined;
}

export interface Published {
  readonly lane: LoadLane;
  readonly label: string;
  readonly durable: boolean;
}

/** What was promised up to some point of the run. */
export interface Promises {
  /** By sequence. */
  readonly published: ReadonlyMap<number, Published>;
  /** The highest sequence that may be known outside of the process. */
  readonly seen: number;
  /** Up to here, rows may be gone. */
  readonly asked: Readonly<Record<LoadLane, number>>;
  /** Up to here, the store knows for good that the hub has them. */
  readonly acknowledged: Readonly<Record<LoadLane, number>>;
  /** Reached for good, and the most that it can have reached. */
  readonly tallies: Readonly<Record<Tally, { readonly reached: number; readonly tried: number }>>;
}

export interface PromiseKeeper {
  add(mark: Mark): void;
  snapshot(): Promises;
}

/** Gathers promises mark by mark. */
export function createPromiseKeeper(): PromiseKeeper {
  const published = new Map<number, Published>();
  let seen = 0;
  const asked = { critical: 0, standard: 0 };
  /** By the process that runs now. */
  let askedNow = { ...asked };
  let acknowledged = { ...asked };
  const tallies = {
    key: { reached: 0, tried: 0 },
    counter: { reached: 0, tried: 0 },
    state: { reached: 0, tried: 0 },
  };
  /** What a flush under way will make durable. */
  const flushing = new Map<string, { readonly seqs: readonly number[]; readonly asked: Record<LoadLane, number> }>();
  const waiting = new Set<number>();
  return {
    add: (mark) => {
      switch (mark.kind) {
        case "opened":
          waiting.clear();
          flushing.clear();
          askedNow = { critical: 0, standard: 0 };
          return;
        case "durable":
        case "accepted":
          published.set(mark.seq, { lane: mark.lane, label: mark.label, durable: mark.kind === "durable" });
          if (mark.kind === "accepted") waiting.add(mark.seq);
          else seen = Math.max(seen, mark.seq);
          return;
        case "offered":
          seen = Math.max(seen, mark.seq);
          return;
        case "acknowledging":
          asked[mark.lane] = Math.max(asked[mark.lane], mark.seq);
          askedNow[mark.lane] = Math.max(askedNow[mark.lane], mark.seq);
          return;
        case "flushing":
          flushing.set(mark.id, { seqs: [...waiting], asked: { ...askedNow } });
          return;
        case "flushed": {
          const done = flushing.get(mark.id);
          if (done === undefined) throw new Error(`Flush "${mark.id}" ended without having begun`);
          flushing.delete(mark.id);
          for (const seq of done.seqs) {
            const entry = published.get(seq);
            if (entry !== undefined) published.set(seq, { ...entry, durable: true });
            seen = Math.max(seen, seq);
            waiting.delete(seq);
          }
          acknowledged = {
            critical: Math.max(acknowledged.critical, done.asked.critical),
            standard: Math.max(acknowledged.standard, done.asked.standard),
          };
          return;
        }
        case "raising":
          tallies[mark.tally].tried = Math.max(tallies[mark.tally].tried, mark.value);
          return;
        case "raised":
          tallies[mark.tally].reached = mark.value;
      }
    },
    snapshot: () => structuredClone({ published, seen, asked, acknowledged, tallies }),
  };
}
