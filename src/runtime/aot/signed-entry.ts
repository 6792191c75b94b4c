// An entry that was made elsewhere: what a cache entry holds, signed by who made it.
//
//   magic                    8 bytes
//   public key of the signer 32 bytes
//   signature                64 bytes: ed25519, of the digest of the rest
//   entry                    see prepare/entry-format.ts
//
// The signature says who made the entry; whether to believe what it says of itself (its component, its engine) is up to
// who trusts the signer.

import { createHash, createPublicKey, sign, verify, type KeyObject } from "node:crypto";
import { engineDifferences, type Engine } from "../prepare/engine-key.ts";
import { decodeEntry, encodeEntry, type EntryContent } from "../prepare/entry-format.ts";
import type { ModuleLimits } from "../limit-module.ts";
import { reasonOf } from "../../lib/reason.ts";
import { updateInSlices } from "../../lib/update-in-slices.ts";

const MAGIC = Buffer.from("petiole+");
const KEY_SIZE = 32;
const SIGNATURE_SIZE = 64;
const START = MAGIC.byteLength + KEY_SIZE + SIGNATURE_SIZE;

/** Why an entry is not taken. */
export type Refusal =
  | { readonly reason: "damaged"; readonly found: string }
  | { readonly reason: "untrusted-signer"; readonly signer: string }
  | { readonly reason: "other-component"; readonly found: string }
  | { readonly reason: "other-limits"; readonly found: ModuleLimits }
  | { readonly reason: "other-engine"; readonly differs: readonly (keyof Engine)[]; readonly found: Engine };

/** What an entry has to be for. */
export interface Wanted {
  /** Digest of the component. */
  readonly component: string;
  readonly engine: Engine;
  /** Undefined when any will do for now. */
  readonly limits: ModuleLimits | undefined;
}

/** The signed entry, in pieces to be written one after another. `key` is an ed25519 private key. */
export async function signEntry(content: EntryContent, key: KeyObject): Promise<readonly Uint8Array[]> {
  const pieces = encodeEntry(content);
  const signature = sign(null, await digestOf(pieces), key);
  return [MAGIC, rawPublicKey(createPublicKey(key)), signature, ...pieces];
}

/**
 * Nothing of it is looked at before it is known to be from one of the `trusted` keys, and whole.
 * @throws the signal's reason when aborted
 */
export async function openSignedEntry(
  file: Uint8Array<ArrayBuffer>,
  trusted: readonly KeyObject[],
  wanted: Wanted,
  signal?: AbortSignal,
): Promise<{ readonly content: EntryContent } | { readonly refusal: Refusal }> {
  const parts = takeApart(file);
  if (parts === undefined) return damaged("it is no signed entry");
  const signer = trusted.find((key) => rawPublicKey(key).equals(parts.key));
  if (signer === undefined) return { refusal: { reason: "untrusted-signer", signer: nameKey(parts.key) } };
  if (!verify(null, await digestOf([parts.entry], signal), signer, parts.signature))
    return damaged("its signature does not fit");
  let content: EntryContent;
  try {
    content = decodeEntry(parts.entry);
  } catch (error) {
    return damaged(reasonOf(error));
  }
  const refusal = judge(content, wanted);
  return refusal === undefined ? { content } : { refusal };
}

/** The entry in a signed one, whoever signed it; undefined when it is no signed entry. */
export async function unwrapSignedEntry(
  file: Uint8Array<ArrayBuffer>,
): Promise<{ readonly entry: Uint8Array<ArrayBuffer>; readonly signer: string; readonly intact: boolean } | undefined> {
  const parts = takeApart(file);
  if (parts === undefined) return undefined;
  const intact = verify(null, await digestOf([parts.entry]), publicKeyOf(parts.key), parts.signature);
  return { entry: parts.entry, signer: nameKey(parts.key), intact };
}

/** Names a public key, in messages and for comparing by eye: ed25519:<base64>. */
export function keyName(key: KeyObject): string {
  return nameKey(rawPublicKey(key));
}

export function describeRefusal(refusal: Refusal): string {
  if (refusal.reason === "damaged") return `it is damaged: ${refusal.found}`;
  if (refusal.reason === "untrusted-signer") return `its signer ${refusal.signer} is not trusted`;
  if (refusal.reason === "other-component") return `it is for component ${refusal.found}`;
  if (refusal.reason === "other-limits") {
    const { maxPages, maxTableEntries } = refusal.found;
    return `it is for a memory of ${maxPages} pages of 64 KiB and tables of ${maxTableEntries} entries`;
  }
  const { found, differs } = refusal;
  return `it is for another engine: ${differs.map((part) => `${part} ${found[part]}`).join(", ")}`;
}

function judge(content: EntryContent, { component, engine, limits }: Wanted): Refusal | undefined {
  if (content.component !== component) return { reason: "other-component", found: content.component };
  // V8 compares the processors by itself, and only in what matters to it.
  const differs = engineDifferences(content.engine, engine).filter((part) => part !== "cpu");
  if (differs.length > 0) return { reason: "other-engine", differs, found: content.engine };
  if (limits === undefined) return undefined;
  const { maxPages, maxTableEntries } = content.limits;
  if (maxPages === limits.maxPages && maxTableEntries === limits.maxTableEntries) return undefined;
  return { reason: "other-limits", found: content.limits };
}

function takeApart(file: Uint8Array<ArrayBuffer>) {
  const all = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  if (file.byteLength < START || !all.subarray(0, MAGIC.byteLength).equals(MAGIC)) return undefined;
  return {
    key: all.subarray(MAGIC.byteLength, MAGIC.byteLength + KEY_SIZE),
    signature: all.subarray(MAGIC.byteLength + KEY_SIZE, START),
    entry: file.subarray(START),
  };
}

async function digestOf(pieces: Iterable<Uint8Array>, signal?: AbortSignal): Promise<Buffer> {
  const hash = createHash("blake2b512").update("petiole signed entry\n");
  await updateInSlices(hash, pieces, signal);
  return hash.digest();
}

function rawPublicKey(key: KeyObject): Buffer {
  return Buffer.from(key.export({ format: "jwk" }).x ?? "", "base64url");
}

function publicKeyOf(raw: Buffer): KeyObject {
  return createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: raw.toString("base64url") }, format: "jwk" });
}

const nameKey = (raw: Buffer): string => `ed25519:${raw.toString("base64")}`;
const damaged = (found: string): { readonly refusal: Refusal } => ({ refusal: { reason: "damaged", found } });
