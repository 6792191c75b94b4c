import { randomInt } from "node:crypto";

export interface Cursors {
  /** Remembers a place in a listing. */
  issue(bucket: string, after: string): bigint;
  /** The key after which to go on; undefined when the cursor is not known, no longer known, or of another bucket. */
  resolve(bucket: string, cursor: bigint): string | undefined;
}

/**
 * The interface's cursor is a number, the store's is a key. A number is remembered until `limit` newer ones were
 * issued, so that a component which abandons its listings costs nothing.
 */
export function createCursors(limit: number): Cursors {
  const places = new Map<bigint, { readonly bucket: string; readonly after: string }>();
  // One that another provider gave out, before the link was swapped, is not taken for one of these.
  let last = BigInt(randomInt(2 ** 47));
  return {
    issue(bucket, after) {
      last += 1n;
      places.set(last, { bucket, after });
      places.delete(last - BigInt(limit));
      return last;
    },
    resolve(bucket, cursor) {
      const place = places.get(cursor);
      return place?.bucket === bucket ? place.after : undefined;
    },
  };
}
