// Which messages of QoS 2 were taken and are not released by their sender yet, over restarts. A message that comes again
// under the identifier of one of these is the same one. [MQTT-4.3.3-2]

import { createHash } from "node:crypto";
import type { KeyValueStore } from "#provider";

export interface Identified {
  readonly messageId: number;
  readonly topic: string;
  readonly payload: string | Uint8Array;
}

export interface OpenIds {
  /**
   * True for a message that was taken under this identifier. Its content counts, too: a broker that lost its newest state
   * gives identifiers out again, and what is another message must not be dropped.
   */
  isOpen(session: string, message: Identified): boolean;
  /** Written at once; to be called in the turn in which the message is stored. @throws PetioleError ERR_STORE_FAILED */
  open(session: string, message: Identified): Promise<void>;
  /** Resolves once it is on disk: only then may the sender be told. @throws PetioleError ERR_STORE_FAILED */
  release(session: string, messageId: number): Promise<void>;
  /** The session is gone. @throws PetioleError ERR_STORE_FAILED */
  clear(session: string): Promise<void>;
}

const PAGE = 500;

/** Tells messages under one identifier apart. */
export const fingerprint = ({ topic, payload }: Identified): string =>
  createHash("sha256").update(`${topic}\0`).update(payload).digest("base64url").slice(0, 22);

const keyOf = (session: string, messageId: number): string =>
  `${Buffer.from(session).toString("base64url")}.${messageId}`;

/** @throws PetioleError ERR_STORE_FAILED */
export async function loadOpenIds(keyValue: KeyValueStore, bucket: string): Promise<OpenIds> {
  const known = new Map<string, Map<number, string>>();
  const of = (session: string): Map<number, string> => {
    const found = known.get(session) ?? new Map<number, string>();
    known.set(session, found);
    return found;
  };
  let after: string | undefined;
  do {
    const keys = await keyValue.keys(bucket, after, PAGE);
    for (const key of keys) {
      const value = await keyValue.get(bucket, key);
      const [session = "", messageId] = key.split(".");
      if (value === undefined) continue;
      of(Buffer.from(session, "base64url").toString()).set(Number(messageId), Buffer.from(value).toString());
    }
    after = keys.length < PAGE ? undefined : keys.at(-1);
  } while (after !== undefined);

  const forget = async (session: string, messageId: number): Promise<void> => {
    await keyValue.delete(bucket, keyOf(session, messageId));
  };

  return {
    isOpen: (session, message) => known.get(session)?.get(message.messageId) === fingerprint(message),
    open: async (session, message) => {
      const mark = fingerprint(message);
      await keyValue.set(bucket, keyOf(session, message.messageId), Buffer.from(mark));
      of(session).set(message.messageId, mark);
    },
    release: async (session, messageId) => {
      if (known.get(session)?.has(messageId) !== true) return;
      await forget(session, messageId);
      known.get(session)?.delete(messageId);
    },
    clear: async (session) => {
      const ids = [...(known.get(session)?.keys() ?? [])];
      known.delete(session);
      await Promise.all(ids.map(async (messageId) => await forget(session, messageId)));
    },
  };
}
