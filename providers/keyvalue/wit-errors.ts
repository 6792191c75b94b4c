import { WitError, isPetioleError } from "#provider";
import { BackendError } from "./backend.ts";

/** The variant `error` of `wasi:keyvalue/store`. */
export type StoreError =
  | { readonly tag: "no-such-store" }
  | { readonly tag: "access-denied" }
  | { readonly tag: "other"; readonly val: string };

export const other = (text: string): WitError => new WitError({ tag: "other", val: text } satisfies StoreError);

/**
 * What a store can fail with for the component's own reasons, or for want of a working disk or server, as the
 * component's `err`; undefined for a fault of ours. Text that begins with a reason and a colon is for programs, too.
 */
export function storeErrorOf(error: unknown): StoreError | undefined {
  if (error instanceof WitError) return error.payload as StoreError; // All that is thrown here is one.
  if (error instanceof RangeError) return { tag: "other", val: error.message };
  if (isPetioleError(error, "ERR_STORE_FAILED")) {
    return { tag: "other", val: "the store could not carry out the operation" };
  }
  if (!(error instanceof BackendError)) return undefined;
  if (error.reason === "denied") return { tag: "access-denied" };
  if (error.reason === "missing") return { tag: "no-such-store" };
  return { tag: "other", val: `${error.reason}: ${error.message}` };
}

/** Has what fails in the component's way thrown as its `err`. */
export async function guarded<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const known = storeErrorOf(error);
    throw known === undefined ? error : new WitError(known);
  }
}
