// Streams of the object store, as far as blobs need them; whatever the server or the network fails with is a fault.

import { jetstream, jetstreamManager, JetStreamApiError, type JetStreamManager } from "@nats-io/jetstream";
import { headers, nuid } from "@nats-io/transport-node";
import type { Bytes, Millis, NatsPath } from "#provider";
import { streamOf } from "./nats-objects.ts";
import { BlobFault, full, noContainer } from "./store.ts";

export interface NatsStreamsDeps {
  /** Asked when it is needed. */
  readonly path: () => NatsPath;
  readonly timeout: Millis;
  readonly maxContainer: Bytes;
  readonly replicas: number;
  readonly storage: "file" | "memory";
}

interface Piece {
  readonly seq: number;
  readonly data: Uint8Array;
}

/** Functions take names of buckets. @throws BlobFault */
export interface NatsStreams {
  newId(): string;
  /** No fault when it exists. */
  create(bucket: string, options: { readonly scratch: boolean }): Promise<void>;
  /** Seconds since 1970; undefined when there is none. */
  createdAt(bucket: string): Promise<number | undefined>;
  remove(bucket: string): Promise<void>;
  publish(bucket: string, subject: string, data: Uint8Array): Promise<void>;
  /** In place of what was said under the subject. */
  replace(bucket: string, subject: string, text: string): Promise<void>;
  last(bucket: string, subject: string): Promise<Uint8Array | undefined>;
  /** The first one from a sequence number on. */
  next(bucket: string, subject: string, sequence: number): Promise<Piece | undefined>;
  subjects(bucket: string, filter: string): Promise<readonly string[]>;
  purge(bucket: string, subject: string): Promise<void>;
}

const STREAM_NOT_FOUND = 10_059;
const MESSAGE_NOT_FOUND = 10_037;
const FULL: ReadonlySet<number> = new Set([10_023, 10_028, 10_047, 10_077, 10_122]);
const NANOSECONDS_OF_A_DAY = 86_400_000_000_000;

export function createNatsStreams({ path, timeout, maxContainer, replicas, storage }: NatsStreamsDeps): NatsStreams {
  const options = (): { readonly timeout: number; readonly domain?: string } => {
    const { domain } = path();
    return { timeout, ...(domain !== undefined && { domain }) };
  };

  const live = (): NonNullable<ReturnType<NatsPath["current"]>> => {
    const connection = path().current();
    if (connection !== undefined) return connection;
    throw new BlobFault(`the store cannot be reached: ${path().reason() ?? "there is no connection"}`);
  };
  const manager = async (): Promise<JetStreamManager> =>
    await jetstreamManager(live(), { ...options(), checkAPI: false });

  async function guarded<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw faultOf(error);
    }
  }
  /** Undefined when there is no such thing. */
  async function found<T>(code: number, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code === code) return undefined;
      throw faultOf(error);
    }
  }

  const createdAt = async (bucket: string): Promise<number | undefined> => {
    const info = await found(STREAM_NOT_FOUND, async () => await (await manager()).streams.info(streamOf(bucket)));
    return info === undefined ? undefined : Math.floor(Date.parse(info.created) / 1000);
  };

  return {
    newId: () => nuid.next(),
    createdAt,
    async create(bucket, { scratch }) {
      if ((await createdAt(bucket)) !== undefined) return;
      await guarded(async () =>
        (await manager()).streams.add({
          name: streamOf(bucket),
          subjects: [`$O.${bucket}.C.>`, `$O.${bucket}.M.>`],
          allow_direct: true,
          allow_rollup_hdrs: true,
          discard: "new",
          max_bytes: maxContainer,
          num_replicas: replicas,
          storage,
          ...(scratch && { max_age: NANOSECONDS_OF_A_DAY }),
        }),
      );
    },
    async remove(bucket) {
      await found(STREAM_NOT_FOUND, async () => await (await manager()).streams.delete(streamOf(bucket)));
    },
    async publish(bucket, subject, data) {
      await guarded(async () => {
        await jetstream(live(), options()).publish(subject, data, { expect: { streamName: streamOf(bucket) } });
      });
    },
    async replace(bucket, subject, text) {
      const only = headers();
      only.set("Nats-Rollup", "sub");
      await guarded(async () => {
        const expect = { streamName: streamOf(bucket) };
        await jetstream(live(), options()).publish(subject, text, { headers: only, expect });
      });
    },
    async last(bucket, subject) {
      const query = { last_by_subj: subject };
      // Not a direct question: that may be answered by a server which has not heard of the last change.
      const message = await found(MESSAGE_NOT_FOUND, async () => {
        return await (await manager()).streams.getMessage(streamOf(bucket), query);
      });
      return message?.data;
    },
    async next(bucket, subject, sequence) {
      const query = { next_by_subj: subject, seq: sequence };
      const message = await found(MESSAGE_NOT_FOUND, async () => {
        return await (await manager()).streams.getMessage(streamOf(bucket), query);
      });
      return message ?? undefined;
    },
    async subjects(bucket, filter) {
      const info = await guarded(
        async () => await (await manager()).streams.info(streamOf(bucket), { subjects_filter: filter }),
      );
      return Object.keys(info.state.subjects ?? {});
    },
    async purge(bucket, subject) {
      await guarded(async () => await (await manager()).streams.purge(streamOf(bucket), { filter: subject }));
    },
  };
}

function faultOf(error: unknown): unknown {
  if (error instanceof BlobFault) return error;
  if (error instanceof JetStreamApiError) {
    if (error.code === STREAM_NOT_FOUND) return noContainer();
    if (FULL.has(error.code)) return full(error);
    return new BlobFault(`the store refused: ${error.message}`, { cause: error });
  }
  return new BlobFault("the store cannot be reached", { cause: error });
}
