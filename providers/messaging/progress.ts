// What is remembered of a stream beside what the hub remembers: a hub that is killed forgets its newest acknowledgements, and
// its count of deliveries has those in it that never arrived.

import { z } from "zod";
import type { KeyValueStore } from "#provider";

/** Two words: the buckets of components have a "/" in their names, and no spaces. */
const BUCKET = "petiole messaging";
/** Messages whose failures are remembered; those with the lowest places go first. */
export const MAX_FAILED = 64;
/** Messages that were dealt with out of their order. */
const MAX_SETTLED = 1000;

/** Where a message stands. A hub that lost its newest messages gives out their sequences again: the time tells. */
export interface Place {
  readonly seq: number;
  /** When the hub stored it, in nanoseconds since 1970. */
  readonly time: bigint;
}

const place = z.object({ seq: z.number(), time: z.string().transform(BigInt) });
const record = z.object({
  /** Of the stream: one that was made anew has other messages. */
  created: z.string(),
  last: place.optional(),
  failures: z.array(z.tuple([z.number(), z.number()])),
});

export interface Progress {
  readonly created: string;
  /** The last message of those that came in order that was dealt with. */
  last(): Place | undefined;
  /** Whether a message was dealt with before. */
  isSettled(found: Place): boolean;
  failuresOf(seq: number): number;
  /** Notes one more failure, and returns how many there are. @throws PetioleError ERR_STORE_FAILED */
  fail(seq: number): Promise<number>;
  /** Notes that a message was dealt with. Not written at once unless it had failed before. @throws PetioleError ERR_STORE_FAILED */
  settle(found: Place): Promise<void>;
  /** @throws PetioleError ERR_STORE_FAILED */
  save(): Promise<void>;
}

export interface ProgressOptions {
  readonly stream: string;
  readonly consumer: string;
  readonly created: string;
  /** Messages come one after another, in the order of the stream. */
  readonly ordered: boolean;
}

/** @throws PetioleError ERR_STORE_FAILED */
export async function openProgress(store: KeyValueStore, options: ProgressOptions): Promise<Progress> {
  const { stream, consumer, created, ordered } = options;
  const key = `${stream}/${consumer}`;
  const loaded = await load();
  const failures = new Map<number, number>(loaded?.failures);
  const settled = new Map<number, bigint>();
  let last = ordered ? loaded?.last : undefined;

  async function load(): Promise<z.infer<typeof record> | undefined> {
    const value = await store.get(BUCKET, key);
    if (value === undefined) return undefined;
    try {
      const found = record.parse(JSON.parse(Buffer.from(value).toString()));
      return found.created === created ? found : undefined;
    } catch {
      // Of another version of petiole.
      return undefined;
    }
  }

  const save = async (): Promise<void> => {
    const kept = last === undefined ? {} : { last: { seq: last.seq, time: last.time.toString() } };
    await store.set(BUCKET, key, Buffer.from(JSON.stringify({ created, ...kept, failures: [...failures] })));
  };

  return {
    created,
    last: () => last,
    isSettled: ({ seq, time }) => {
      if (ordered) return last !== undefined && seq <= last.seq && time <= last.time;
      return settled.get(seq) === time;
    },
    failuresOf: (seq) => failures.get(seq) ?? 0,
    fail: async (seq) => {
      const count = (failures.get(seq) ?? 0) + 1;
      failures.set(seq, count);
      for (const old of [...failures.keys()].sort((a, b) => a - b).slice(0, -MAX_FAILED)) failures.delete(old);
      await save();
      return count;
    },
    settle: async (found) => {
      if (ordered) {
        last = found;
      } else {
        settled.set(found.seq, found.time);
        const [oldest] = settled.keys();
        if (settled.size > MAX_SETTLED && oldest !== undefined) settled.delete(oldest);
      }
      if (failures.delete(found.seq)) await save();
    },
    save,
  };
}
