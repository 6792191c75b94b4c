// Reads the hub's stream from its beginning.

import { jetstream, jetstreamManager, JetStreamApiError } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import type { Message } from "./verify.ts";

/** The server's error code. */
const STREAM_NOT_FOUND = 10059;
const BATCH = 500;
const FETCH_LIMIT_MS = 5000;

export interface StoredMessage extends Message {
  readonly lane: string;
  /** The device's own count of its messages; not a number when there is none. */
  readonly order: number;
  /** Undefined when it is no JSON. */
  readonly body: unknown;
}

export interface HubStreamReader {
  /** Messages that the stream holds now; none while there is no stream. */
  count(): Promise<number>;
  /** All of them, oldest first. */
  readAll(): Promise<readonly StoredMessage[]>;
}

export interface StreamReaderOptions {
  readonly connection: NatsConnection;
  readonly stream: string;
  readonly device: string;
}

export async function openStreamReader({ connection, stream, device }: StreamReaderOptions): Promise<HubStreamReader> {
  const manager = await jetstreamManager(connection);
  const count = async (): Promise<number> => {
    try {
      return (await manager.streams.info(stream)).state.messages;
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code === STREAM_NOT_FOUND) return 0;
      throw error;
    }
  };
  return {
    count,
    async readAll() {
      const total = await count();
      const messages: StoredMessage[] = [];
      if (total === 0) return messages;
      const consumer = await jetstream(connection).consumers.get(stream);
      while (messages.length < total) {
        const before = messages.length;
        const batch = await consumer.fetch({ max_messages: Math.min(BATCH, total - before), expires: FETCH_LIMIT_MS });
        for await (const { subject, data, headers } of batch) {
          const order = Number(headers?.get("Petiole-Seq") || Number.NaN);
          const lane = subject.split(".")[2] ?? "";
          messages.push({ ...parseStored(subject, data, device), lane, order, body: parseJson(data) });
        }
        if (messages.length === before) throw new Error(`Read ${before} of ${total} messages, then no more came`);
      }
      return messages;
    },
  };
}

/**
 * What a message in the stream `petiole.<device>.<lane>.<subject>` says. One that cannot be read keeps its subject and
 * has no count, so that it matches nothing that was sent.
 */
export function parseStored(subject: string, data: Uint8Array, device: string): Message {
  const [root, from, , ...rest] = subject.split(".");
  if (root !== "petiole" || from !== device || rest.length === 0) return { subject, seq: Number.NaN };
  const own = rest.join(".");
  const { seq, count, value } = Object(parseJson(data)) as Readonly<Record<string, unknown>>;
  const found = own.startsWith("events.") ? count : seq;
  return {
    subject: own,
    seq: typeof found === "number" ? found : Number.NaN,
    ...(typeof value === "number" ? { value } : {}),
  };
}

function parseJson(data: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(data));
  } catch {
    return undefined;
  }
}
