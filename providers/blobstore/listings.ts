// Lists of names that components read piece by piece.

import { randomInt } from "node:crypto";
import { BlobFault } from "./store.ts";

/** Of a link; the one that was not used for the longest time ends when there is another one. */
const MAX_LISTINGS = 16;
/** Names that are given at a time, however many are asked for. */
const MAX_NAMES = 1000;

interface Listing {
  readonly names: AsyncIterator<string>;
  /** Has been read, and not given. */
  next: IteratorResult<string> | undefined;
}

export interface Listings extends AsyncDisposable {
  /** The number that it is known by. */
  open(names: AsyncIterable<string>): Promise<number>;
  /** `end`: there are no more after these. */
  read(listing: number, count: bigint): Promise<{ readonly names: string[]; readonly end: boolean }>;
  skip(listing: number, count: bigint): Promise<{ readonly skipped: bigint; readonly end: boolean }>;
}

export function createListings(): Listings {
  const open = new Map<number, Listing>();
  // Those of another binding, before the link was swapped, are none of these.
  let last = randomInt(2 ** 47);

  const find = (number: number): Listing => {
    const listing = open.get(number);
    if (listing === undefined) throw new BlobFault("the list is not known any more; list again from the start");
    open.delete(number);
    open.set(number, listing);
    return listing;
  };

  async function take(listing: Listing, count: bigint, visit: (name: string) => void): Promise<boolean> {
    for (let taken = 0n; taken < count; taken++) {
      const { done, value } = listing.next ?? (await listing.names.next());
      if (done === true) {
        listing.next = { done, value };
        return true;
      }
      listing.next = undefined;
      visit(value);
    }
    // One ahead tells whether these were the last ones.
    listing.next ??= await listing.names.next();
    return listing.next.done === true;
  }

  return {
    async open(names) {
      const [oldest] = open.size >= MAX_LISTINGS ? open : [];
      if (oldest !== undefined) {
        open.delete(oldest[0]);
        await oldest[1].names.return?.();
      }
      open.set(++last, { names: names[Symbol.asyncIterator](), next: undefined });
      return last;
    },
    async read(number, count) {
      const names: string[] = [];
      const most = count < MAX_NAMES ? count : BigInt(MAX_NAMES);
      const end = await take(find(number), most, (name) => names.push(name));
      return { names, end };
    },
    async skip(number, count) {
      let skipped = 0n;
      const end = await take(find(number), count, () => skipped++);
      return { skipped, end };
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...open.values()].map(async ({ names }) => await names.return?.()));
      open.clear();
    },
  };
}
