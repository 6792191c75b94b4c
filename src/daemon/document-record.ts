// What the agent remembers of the hub's documents, and what an entry of the bucket means for it. Pure.

import type { BucketEntry } from "../adapters/lattice/desired-bucket.ts";

/** A document that was valid when it was stored. */
export interface StoredDocument {
  readonly bucket: string;
  readonly revision: number;
  readonly text: string;
}

export interface Refusal {
  readonly bucket: string;
  readonly revision: number;
  readonly code: string;
  readonly message: string;
}

/** Kept in the store, so that a boot without a network has it. */
export interface DocumentRecord {
  readonly document: StoredDocument | undefined;
  readonly refused: Refusal | undefined;
}

export const EMPTY: DocumentRecord = { document: undefined, refused: undefined };

export type EntryMeaning =
  /** Nothing new. */
  | { readonly kind: "known" }
  | { readonly kind: "document"; readonly revision: number; readonly text: string }
  | { readonly kind: "not-text"; readonly revision: number }
  | { readonly kind: "deleted" }
  /** The bucket is another one than the document came from, and has none: it may have been lost. */
  | { readonly kind: "missing" };

export function meaningOf({ document, refused }: DocumentRecord, entry: BucketEntry): EntryMeaning {
  const { bucket, revision, value } = entry;
  const seen = [document, refused].filter((one) => one?.bucket === bucket).map((one) => one?.revision ?? 0);
  if (value === undefined || revision === undefined) {
    if (document === undefined) return refused === undefined ? { kind: "known" } : { kind: "deleted" };
    return document.bucket === bucket || revision !== undefined ? { kind: "deleted" } : { kind: "missing" };
  }
  if (revision <= Math.max(0, ...seen)) return { kind: "known" };
  try {
    return { kind: "document", revision, text: new TextDecoder("utf-8", { fatal: true }).decode(value) };
  } catch {
    return { kind: "not-text", revision };
  }
}

/** Undefined for what cannot be one. */
export function parseRecord(text: string): DocumentRecord | undefined {
  try {
    const { document, refused } = JSON.parse(text) as Partial<DocumentRecord>;
    const isFine = (one: StoredDocument | Refusal | undefined): boolean =>
      one === undefined || (typeof one.bucket === "string" && Number.isSafeInteger(one.revision));
    if (!isFine(document) || !isFine(refused)) return undefined;
    if (document !== undefined && typeof document.text !== "string") return undefined;
    return { document, refused };
  } catch {
    return undefined;
  }
}
