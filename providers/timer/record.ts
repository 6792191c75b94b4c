// What is kept of a timer over restarts.

import { z } from "zod";
import type { KeyValueStore } from "#provider";

/** Two words: the buckets of components have a "/" in their names, and no spaces. */
const BUCKET = "petiole timer";

const record = z.object({
  /** Another schedule under the same name is another timer. */
  schedule: z.string(),
  /** Unix milliseconds of the last time that was dealt with; undefined when nobody knew what time it was. */
  last: z.number().optional(),
  count: z.number(),
  missed: z.number(),
});
export type TimerRecord = z.infer<typeof record>;

export async function loadRecord(store: KeyValueStore, key: string, schedule: string): Promise<TimerRecord> {
  const fresh: TimerRecord = { schedule, count: 0, missed: 0 };
  const value = await store.get(BUCKET, key);
  if (value === undefined) return fresh;
  try {
    const found = record.parse(JSON.parse(Buffer.from(value).toString()));
    return found.schedule === schedule ? found : fresh;
  } catch {
    // Of another version of petiole.
    return fresh;
  }
}

export async function saveRecord(store: KeyValueStore, key: string, value: TimerRecord): Promise<void> {
  await store.set(BUCKET, key, Buffer.from(JSON.stringify(value)));
}
