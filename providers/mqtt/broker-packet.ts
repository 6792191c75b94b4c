// How the broker's messages lie in the store: four bytes of length, JSON of that length, then the payload.

import { createHash } from "node:crypto";
import { z } from "zod";
import type { KeyValueStore } from "#provider";

export interface BrokerPacket {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  /** Of one that was sent to a subscriber; kept for QoS 2. */
  readonly messageId?: number | undefined;
  /** `pubrel`: the subscriber has it, and has to be told that it may forget the identifier. */
  readonly cmd: "publish" | "pubrel";
}

const HEAD = 4;
const PAGE = 500;

const header = z.object({
  topic: z.string(),
  qos: z.union([z.literal(0), z.literal(1), z.literal(2)]),
  retain: z.boolean(),
  messageId: z.number().optional(),
  cmd: z.enum(["publish", "pubrel"]),
});

export function encodePacket({ payload, topic, qos, retain, messageId, cmd }: BrokerPacket): Buffer {
  const json = Buffer.from(JSON.stringify({ topic, qos, retain, messageId, cmd }));
  const head = Buffer.alloc(HEAD);
  head.writeUInt32BE(json.length);
  return Buffer.concat([head, json, payload]);
}

/** Undefined for what cannot be one, such as one of another version of petiole. */
export function decodePacket(value: Uint8Array): BrokerPacket | undefined {
  const bytes = Buffer.from(value);
  try {
    const end = HEAD + bytes.readUInt32BE();
    return { ...header.parse(JSON.parse(bytes.toString("utf8", HEAD, end))), payload: bytes.subarray(end) };
  } catch {
    return undefined;
  }
}

/** Stands for what comes over the wire in keys, which are short. */
export const hashOf = (text: string): string => createHash("sha256").update(text).digest("base64url").slice(0, 22);

/** All keys of a bucket that begin so, in order, with their values. */
export async function readBucket(
  keyValue: KeyValueStore,
  bucket: string,
  prefix: string,
): Promise<readonly (readonly [key: string, value: Uint8Array])[]> {
  const found: (readonly [string, Uint8Array])[] = [];
  let after: string | undefined = prefix;
  while (after !== undefined) {
    const page: readonly string[] = await keyValue.keys(bucket, after, PAGE);
    const keys = page.filter((key) => key.startsWith(prefix));
    for (const key of keys) {
      const value = await keyValue.get(bucket, key);
      if (value !== undefined) found.push([key, value]);
    }
    after = keys.length < PAGE ? undefined : keys.at(-1);
  }
  return found;
}
