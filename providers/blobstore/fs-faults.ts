import { BlobFault, full } from "./store.ts";

/** What a file system failed with, as a component is told of it: without paths. */
export function faultOf(error: unknown): unknown {
  if (!(error instanceof Error) || !("code" in error)) return error;
  const code = String(error.code);
  if (code === "ENOSPC" || code === "EDQUOT") return full(error);
  return new BlobFault(`the store failed: ${code}`, { cause: error });
}

export async function guarded<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw faultOf(error);
  }
}
