import { addToCounter, encodeCounter } from "../../lib/counter.ts";
import type { Write, WriteResult } from "./protocol.ts";
import type { Database } from "./sqlite.ts";

/** Key-value buckets and the agent's own state, in the database. Runs in the store worker. */
export interface KeyValueTable {
  get(bucket: string, key: string): Uint8Array | undefined;
  has(bucket: string, key: string): boolean;
  keys(bucket: string, after: string | undefined, limit: number): string[];
  getState(name: string): string | undefined;
  /** Inside a transaction. A counter that refuses changes nothing and leaves the transaction intact. */
  write(write: Write): WriteResult;
}

export function createKeyValueTable(db: Database): KeyValueTable {
  const select = db.prepare<{ value: Uint8Array }>("SELECT value FROM key_value WHERE bucket = ? AND key = ?");
  const exists = db.prepare("SELECT 1 FROM key_value WHERE bucket = ? AND key = ?");
  const list = db.prepare<{ key: string }>(
    "SELECT key FROM key_value WHERE bucket = ? AND key > ? ORDER BY key LIMIT ?",
  );
  const upsert = db.prepare("INSERT OR REPLACE INTO key_value (bucket, key, value) VALUES (?, ?, ?)");
  const remove = db.prepare("DELETE FROM key_value WHERE bucket = ? AND key = ?");
  const selectState = db.prepare<{ value: string }>("SELECT value FROM state WHERE name = ?");
  const upsertState = db.prepare("INSERT OR REPLACE INTO state (name, value) VALUES (?, ?)");
  const removeState = db.prepare("DELETE FROM state WHERE name = ?");

  const increment = ({ bucket, key, delta, bounds }: Write & { readonly kind: "increment" }): WriteResult => {
    try {
      const value = addToCounter(select.get(bucket, key)?.value, delta, bounds);
      upsert.run(bucket, key, encodeCounter(value));
      return { ok: true, value };
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return { ok: false, message: error.message };
    }
  };

  const swap = ({ bucket, key, expected, value }: Write & { readonly kind: "swap" }): WriteResult => {
    const found = select.get(bucket, key)?.value;
    const same =
      found === undefined || expected === undefined ? found === expected : Buffer.compare(found, expected) === 0;
    if (!same) return { ok: false, message: "the value is another one" };
    upsert.run(bucket, key, value);
    return DONE;
  };

  return {
    get: (bucket, key) => select.get(bucket, key)?.value,
    has: (bucket, key) => exists.get(bucket, key) !== undefined,
    // The empty text sorts before every key: keys are not empty.
    keys: (bucket, after, limit) => list.all(bucket, after ?? "", limit).map((row) => row.key),
    getState: (name) => selectState.get(name)?.value,
    write: (write) => {
      if (write.kind === "increment") return increment(write);
      if (write.kind === "swap") return swap(write);
      if (write.kind === "set") upsert.run(write.bucket, write.key, write.value);
      else if (write.kind === "delete") remove.run(write.bucket, write.key);
      else if (write.value === undefined) removeState.run(write.name);
      else upsertState.run(write.name, write.value);
      return DONE;
    },
  };
}

const DONE: WriteResult = { ok: true, value: undefined };
