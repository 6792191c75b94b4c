// What an object is in a bucket of NATS: its pieces under one subject, and what is said of it under another.

import type { Hash } from "node:crypto";
import { z } from "zod";
import { BlobFault } from "./store.ts";

const metaSchema = z.looseObject({
  name: z.string(),
  bucket: z.string(),
  nuid: z.string().regex(/^[^\s.*>]+$/),
  size: z.int().min(0),
  chunks: z.int().min(0),
  digest: z.string().default(""),
  mtime: z.string().default(""),
  deleted: z.boolean().default(false),
  options: z.looseObject({ link: z.unknown().optional() }).optional(),
});
export type ObjectMeta = z.infer<typeof metaSchema>;

/** Names of streams have no more. */
const MAX_BUCKET = 200;

/** Of the key of a container. What a bucket's name cannot have is two hexadecimal digits. */
export function bucketOf(container: string): string {
  const bucket = container.replaceAll(
    /[^A-Za-z0-9-]/g,
    (character) => `_${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`,
  );
  if (bucket.length <= MAX_BUCKET) return bucket;
  throw new BlobFault("the name of a container is empty, too long, or no text");
}

export const streamOf = (bucket: string): string => `OBJ_${bucket}`;
export const chunkSubject = (bucket: string, nuid: string): string => `$O.${bucket}.C.${nuid}`;

export const metaSubject = (bucket: string, name: string): string =>
  `$O.${bucket}.M.${name === ">" ? name : padded(Buffer.from(name).toString("base64url"))}`;

/** Undefined for a subject that stands for no name. */
export function nameOf(subject: string): string | undefined {
  const token = subject.split(".").at(-1) ?? "";
  const name = Buffer.from(token, "base64url").toString();
  return padded(Buffer.from(name).toString("base64url")) === token ? name : undefined;
}

/** Undefined for an object that was deleted, for a link to another one, and for what is no object. */
export function parseMeta(text: Uint8Array): ObjectMeta | undefined {
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(text).toString());
  } catch {
    return undefined;
  }
  const { data } = metaSchema.safeParse(json);
  const isLink = data?.options?.link !== undefined && data.options.link !== null;
  return data === undefined || data.deleted || isLink ? undefined : data;
}

export const digestOf = (hash: Hash): string => `SHA-256=${padded(hash.digest("base64url"))}`;

const padded = (text: string): string => text.padEnd(Math.ceil(text.length / 4) * 4, "=");
