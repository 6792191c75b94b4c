// Blobs in the object store of NATS: a bucket, which is a stream, for each container. What lies there is what other clients of
// object stores read and write; the client that comes with NATS takes responses as fast as they come, so the pieces are
// asked for here, one after another.

import { createHash } from "node:crypto";
import { createExclusive, type Clock, type Millis } from "#provider";
import { bucketOf, chunkSubject, digestOf, metaSubject, nameOf, parseMeta, type ObjectMeta } from "./nats-objects.ts";
import { createNatsStreams, type NatsStreamsDeps } from "./nats-streams.ts";
import { encodeName } from "./names.ts";
import {
  BlobFault,
  finished,
  noBlob,
  noContainer,
  tooLarge,
  tooShort,
  type BlobPart,
  type BlobRef,
  type BlobStore,
  type Draft,
} from "./store.ts";

export interface NatsStoreDeps extends NatsStreamsDeps {
  readonly clock: Clock;
  readonly timeout: Millis;
}

const CHUNK = 131_072;
/** For what is written before it is known where it goes. */
const SCRATCH = "petiole_drafts";

interface Found {
  readonly bucket: string;
  readonly meta: ObjectMeta;
}

export function createNatsStore(deps: NatsStoreDeps): BlobStore {
  const { clock } = deps;
  const streams = createNatsStreams(deps);
  /** Of two that replace the same object, the second has to find the pieces of the first, or they would stay. */
  const exclusive = createExclusive();
  /** Objects that are being read, by the id of their pieces; those that were replaced meanwhile go when nobody reads them. */
  const readers = new Map<string, { count: number; doomed: string | undefined }>();

  const subjectOf = (bucket: string, name: string): string => {
    if (encodeName(name) === undefined) throw new BlobFault("the name of an object is empty, too long, or no text");
    return metaSubject(bucket, name);
  };

  async function find({ container, name }: BlobRef): Promise<Found | undefined> {
    const bucket = bucketOf(container);
    const message = await streams.last(bucket, subjectOf(bucket, name));
    const meta = message === undefined ? undefined : parseMeta(message);
    return meta === undefined ? undefined : { bucket, meta };
  }

  /** Deletes the pieces of an object that is no more. */
  async function discard(bucket: string, nuid: string): Promise<void> {
    const reader = readers.get(nuid);
    if (reader !== undefined) reader.doomed = bucket;
    else await streams.purge(bucket, chunkSubject(bucket, nuid)).catch(() => {}); // They are found by nobody.
  }

  const writeMeta = async (bucket: string, meta: ObjectMeta): Promise<void> =>
    await streams.replace(bucket, subjectOf(bucket, meta.name), JSON.stringify(meta));

  async function draft(max: number, container: string | undefined): Promise<Draft> {
    const bucket = container === undefined ? SCRATCH : bucketOf(container);
    if (container === undefined) await streams.create(SCRATCH, { scratch: true });
    const nuid = streams.newId();
    const subject = chunkSubject(bucket, nuid);
    const digest = createHash("sha256");
    const held: Uint8Array[] = [];
    let waiting = 0;
    let size = 0;
    let chunks = 0;
    let isOpen = true;
    let kept = false;

    async function publish(): Promise<void> {
      const chunk = Buffer.concat(held.splice(0));
      waiting = 0;
      digest.update(chunk);
      await streams.publish(bucket, subject, chunk);
      chunks += 1;
    }

    return {
      async write(bytes) {
        if (!isOpen) throw finished();
        if (size + bytes.byteLength > max) throw tooLarge(max);
        size += bytes.byteLength;
        for (let at = 0; at < bytes.byteLength;) {
          const part = bytes.subarray(at, at + CHUNK - waiting);
          at += part.byteLength;
          held.push(part);
          waiting += part.byteLength;
          if (waiting === CHUNK) await publish();
        }
      },
      async finish(as) {
        if (!isOpen) throw finished();
        if (waiting > 0) await publish();
        isOpen = false;
        const target = bucketOf(as.container);
        const meta: ObjectMeta = {
          name: as.name,
          bucket: target,
          nuid,
          size,
          chunks,
          digest: digestOf(digest),
          mtime: new Date(clock.wall()).toISOString(),
          deleted: false,
          options: { max_chunk_size: CHUNK },
        };
        if (target !== bucket) {
          await copyPieces({ bucket, meta }, as);
          return;
        }
        await exclusive.run(async () => {
          const before = await find(as);
          await writeMeta(bucket, meta);
          kept = true;
          if (before !== undefined) await discard(bucket, before.meta.nuid);
        });
      },
      async [Symbol.asyncDispose]() {
        isOpen = false;
        held.length = 0;
        if (kept) return;
        kept = true;
        if (chunks > 0) await discard(bucket, nuid);
      },
    };
  }

  async function copyPieces(from: Found, to: BlobRef): Promise<void> {
    await using copied = await draft(Infinity, to.container);
    for await (const piece of readPart(from, 0, from.meta.size)) await copied.write(piece);
    await copied.finish(to);
  }

  async function* readPart({ bucket, meta }: Found, from: number, to: number): AsyncGenerator<Uint8Array> {
    const subject = chunkSubject(bucket, meta.nuid);
    let sequence = 1;
    for (let at = 0; at < to;) {
      const message = await streams.next(bucket, subject, sequence);
      if (message === undefined) throw tooShort();
      sequence = message.seq + 1;
      const { data } = message;
      const piece = data.subarray(Math.min(Math.max(0, from - at), data.byteLength), to - at);
      at += data.byteLength;
      if (piece.byteLength > 0) yield piece;
    }
  }

  async function open(blob: BlobRef, start: number, end: number): Promise<BlobPart> {
    const found = await find(blob);
    if (found === undefined) throw noBlob();
    const { nuid, size } = found.meta;
    const from = Math.min(start, size);
    const to = Math.min(end + 1, size);
    const reader = readers.get(nuid) ?? { count: 0, doomed: undefined };
    reader.count += 1;
    readers.set(nuid, reader);
    let isOpen = true;
    return {
      size: to - from,
      read: () => readPart(found, from, to > from ? to : 0),
      async [Symbol.asyncDispose]() {
        if (!isOpen) return;
        isOpen = false;
        reader.count -= 1;
        if (reader.count > 0) return;
        readers.delete(nuid);
        if (reader.doomed !== undefined) await discard(reader.doomed, nuid);
      },
    };
  }

  async function remove(blob: BlobRef): Promise<void> {
    await exclusive.run(async () => {
      const found = await find(blob);
      if (found === undefined) return;
      const { bucket, meta } = found;
      // Others that watch the bucket hear of it.
      await writeMeta(bucket, { ...meta, deleted: true, size: 0, chunks: 0, digest: "" });
      await discard(bucket, meta.nuid);
    });
  }

  async function* names(container: string): AsyncGenerator<string> {
    const bucket = bucketOf(container);
    for (const subject of await streams.subjects(bucket, metaSubject(bucket, ">"))) {
      const name = nameOf(subject);
      if (name !== undefined && (await find({ container, name })) !== undefined) yield name;
    }
  }

  async function requireContainer(container: string): Promise<void> {
    if ((await streams.createdAt(bucketOf(container))) === undefined) throw noContainer();
  }

  return {
    draft,
    open,
    remove,
    names,
    createContainer: async (container) => await streams.create(bucketOf(container), { scratch: false }),
    async containerInfo(container) {
      const createdAt = await streams.createdAt(bucketOf(container));
      return createdAt === undefined ? undefined : { createdAt };
    },
    deleteContainer: async (container) => await streams.remove(bucketOf(container)),
    async info(blob) {
      const found = await find(blob);
      if (found === undefined) return undefined;
      const { size, mtime } = found.meta;
      return { size, createdAt: Math.floor(Date.parse(mtime) / 1000) || 0 };
    },
    async clear(container) {
      for await (const name of names(container)) await remove({ container, name });
    },
    async copy(from, to) {
      await requireContainer(to.container);
      const found = await find(from);
      if (found === undefined) throw noBlob();
      await copyPieces(found, to);
    },
    async move(from, to) {
      await requireContainer(to.container);
      const found = await find(from);
      if (found === undefined) throw noBlob();
      if (from.container !== to.container) {
        await copyPieces(found, to);
        await remove(from);
        return;
      }
      if (from.name === to.name) return;
      const { bucket, meta } = found;
      const before = await find(to);
      await writeMeta(bucket, { ...meta, name: to.name });
      if (before !== undefined) await discard(bucket, before.meta.nuid);
      await streams.purge(bucket, subjectOf(bucket, from.name));
    },
    [Symbol.asyncDispose]: async () => {},
  };
}
