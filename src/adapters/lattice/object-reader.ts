// Reads object stores of the hub: https://docs.nats.io/nats-concepts/jetstream/obj_store (ADR-20). Written on the stream
// below, because the client's own reader cannot go on in the middle of an object.

import type { JetStreamManager } from "@nats-io/jetstream";
import { nuid, type Msg, type NatsConnection } from "@nats-io/transport-node";
import { z } from "zod";
import { PetioleError, isPetioleError } from "../../domain/errors.ts";
import { seconds, type Millis } from "../../domain/units.ts";
import type { ObjectReader, StoredObject } from "../../host/ports.ts";
import { reasonOf } from "../../lib/reason.ts";
import { askHub } from "./ask-hub.ts";
import type { LatticeConnection } from "./connection.ts";
import { untilAborted } from "./hub-stream.ts";
import { nanoseconds, openJetStream, STREAM_NOT_FOUND } from "./jetstream.ts";
import { jetStreamCode } from "./nats-error.ts";
import { FORGOTTEN_AFTER, pull } from "./pull.ts";
import { nextMessages, objectChunks, objectMeta, objectStream } from "./subjects.ts";

export interface ObjectReaderOptions {
  readonly connection: LatticeConnection;
  /** JetStream domain of the hub. */
  readonly domain: string | undefined;
  readonly requestTimeout?: Millis;
}

/** How long the hub holds a request for a chunk: it has them all. */
const EXPIRES = seconds(30);
/** Headers alone are small. */
const SIZES_AT_ONCE = 256;

const meta = z.object({
  name: z.string(),
  nuid: z.string().regex(/^[A-Za-z0-9_-]+$/),
  size: z.int().min(0),
  digest: z.string().optional(),
  deleted: z.boolean().optional(),
  metadata: z.record(z.string(), z.string()).nullish(),
  options: z.object({ link: z.unknown().optional() }).nullish(),
});

export function createObjectReader(options: ObjectReaderOptions): ObjectReader {
  const { connection, domain } = options;
  const api = { domain, timeout: options.requestTimeout ?? seconds(5) };

  /** What failed, as a failure of an artifact. */
  async function ask<T>(
    what: string,
    signal: AbortSignal,
    request: (live: NatsConnection, manager: JetStreamManager) => Promise<T>,
  ): Promise<T> {
    const live = connection.current();
    if (live === undefined) throw unreachable(what, connection.state().reason ?? "there is no connection to the hub");
    const question = { what, domain, code: "ERR_LATTICE_BUCKET" } as const;
    try {
      return await untilAborted(
        askHub(question, async () => await request(live, await openJetStream(live, api))),
        signal,
      );
    } catch (error) {
      throw asArtifactError(error, what, signal);
    }
  }

  async function find(bucket: string, name: string, signal: AbortSignal): Promise<StoredObject> {
    const what = `find the object "${name}" in "${bucket}"`;
    const missing = (found: string): PetioleError =>
      new PetioleError("ERR_ARTIFACT_NOT_FOUND", `Cannot ${what}: ${found}`);
    return await ask(what, signal, async (_live, manager) => {
      const query = { last_by_subj: objectMeta(bucket, name) };
      const message = await manager.streams.getMessage(objectStream(bucket), query).catch((error: unknown) => {
        if (jetStreamCode(error) === STREAM_NOT_FOUND) throw missing("the hub has no such bucket");
        throw error;
      });
      if (message === null) throw missing("there is none");
      const found = parseMeta(message.string(), what);
      if (found.deleted === true) throw missing("it was deleted");
      if (found.options?.link !== undefined && found.options.link !== null) {
        throw new PetioleError("ERR_ARTIFACT_FORMAT", `Cannot ${what}: it is a link to another object`);
      }
      const digest = digestOf(found.digest);
      if (digest !== undefined) return { digest, size: found.size, id: found.nuid, metadata: found.metadata ?? {} };
      throw new PetioleError("ERR_ARTIFACT_FORMAT", `Cannot ${what}: it has no SHA-256 digest`);
    });
  }

  /** The chunk in which `offset` lies: its sequence in the stream, and where it begins. */
  async function locate(
    bucket: string,
    id: string,
    offset: number,
    signal: AbortSignal,
  ): Promise<{ readonly start: number; readonly seq: number }> {
    let start = 0;
    for await (const message of messages(
      { bucket, id, headersOnly: true, from: undefined, batch: SIZES_AT_ONCE },
      signal,
    )) {
      const size = Number(message.headers?.get("Nats-Msg-Size"));
      if (!(size >= 0) || start + size > offset) return { start, seq: sequenceOf(message) };
      start += size;
    }
    throw unreachable(`read the object "${id}" of "${bucket}"`, "the hub does not have all of it");
  }

  interface Wanted {
    readonly bucket: string;
    readonly id: string;
    readonly headersOnly: boolean;
    readonly from: number | undefined;
    readonly batch: number;
  }

  async function* messages({ bucket, id, headersOnly, from, batch }: Wanted, signal: AbortSignal): AsyncGenerator<Msg> {
    const what = `read an object of "${bucket}"`;
    const stream = objectStream(bucket);
    const { live, manager, consumer } = await ask(what, signal, async (live, manager) => ({
      live,
      manager,
      consumer: await manager.consumers.add(stream, {
        name: nuid.next(),
        filter_subject: objectChunks(bucket, id),
        ...(from === undefined
          ? { deliver_policy: "all" as const }
          : { deliver_policy: "by_start_sequence" as const, opt_start_seq: from }),
        ack_policy: "none",
        mem_storage: true,
        headers_only: headersOnly,
        inactive_threshold: nanoseconds(FORGOTTEN_AFTER),
      }),
    }));
    try {
      for (let left = consumer.num_pending; left > 0;) {
        const subject = nextMessages(domain, stream, consumer.name);
        const got: Msg[] = [];
        const request = { subject, batch: Math.min(batch, left), expires: EXPIRES };
        await pull(live, request, signal, async (message) => void got.push(message)).catch((error: unknown) => {
          throw asArtifactError(error, what, signal);
        });
        if (got.length === 0) throw unreachable(what, "the hub does not send what it has");
        left -= got.length;
        yield* got;
      }
    } finally {
      // The hub also forgets it by itself.
      if (!live.isClosed()) manager.consumers.delete(stream, consumer.name).catch(() => {});
    }
  }

  async function* bytes(
    bucket: string,
    id: string,
    from: number | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    // One at a time: more would wait in the hub on their way to a slow device, which it takes for a dead one.
    for await (const message of messages({ bucket, id, headersOnly: false, from, batch: 1 }, signal))
      yield message.data;
  }

  return {
    find,
    async read(bucket, { id }, offset, signal) {
      if (offset === 0) return { start: 0, chunks: bytes(bucket, id, undefined, signal) };
      const { start, seq } = await locate(bucket, id, offset, signal);
      return { start: offset, chunks: skip(bytes(bucket, id, seq, signal), offset - start) };
    },
  };
}

/** Without the first `count` bytes. */
async function* skip(chunks: AsyncIterable<Uint8Array>, count: number): AsyncGenerator<Uint8Array> {
  let left = count;
  for await (const chunk of chunks) {
    if (left < chunk.byteLength) yield chunk.subarray(left);
    left = Math.max(0, left - chunk.byteLength);
  }
}

function parseMeta(text: string, what: string): z.output<typeof meta> {
  try {
    return meta.parse(JSON.parse(text));
  } catch (cause) {
    const reason = cause instanceof z.ZodError ? z.prettifyError(cause).replaceAll("\n", " ") : reasonOf(cause);
    throw new PetioleError("ERR_ARTIFACT_FORMAT", `Cannot ${what}: its description cannot be read: ${reason}`, {
      cause,
    });
  }
}

/** Object stores write `SHA-256=` and base64url. */
function digestOf(text: string | undefined): string | undefined {
  const encoded = /^SHA-256=([A-Za-z0-9_=-]+)$/i.exec(text ?? "")?.[1];
  const bytes = encoded === undefined ? undefined : Buffer.from(encoded, "base64url");
  return bytes?.byteLength === 32 ? `sha256:${bytes.toString("hex")}` : undefined;
}

/** Of a message that a consumer sent: `$JS.ACK.…`, with or without a domain and an account before the stream. */
function sequenceOf(message: Msg): number {
  const tokens = (message.reply ?? "").split(".");
  const place = tokens.length >= 11 ? 7 : 5;
  return Number(tokens[place]);
}

function asArtifactError(error: unknown, what: string, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  if (isPetioleError(error) && error.code.startsWith("ERR_ARTIFACT_")) return error;
  return new PetioleError(
    "ERR_ARTIFACT_UNREACHABLE",
    isPetioleError(error) ? error.message : `Cannot ${what}: ${reasonOf(error)}`,
    {
      cause: error,
    },
  );
}

const unreachable = (what: string, found: string): PetioleError =>
  new PetioleError("ERR_ARTIFACT_UNREACHABLE", `Cannot ${what}: ${found}`);
