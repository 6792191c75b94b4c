import { randomInt } from "node:crypto";
import {
  WitError,
  createPacer,
  type Binding,
  type ByteReader,
  type ByteWriter,
  type Clock,
  type LinkContext,
} from "#provider";
import type { LinkConfig } from "./config.ts";
import { containerKey } from "./names.ts";
import { createListings } from "./listings.ts";
import {
  BlobFault,
  finished,
  noBlob,
  noContainer,
  type BlobPart,
  type BlobRef,
  type BlobStore,
  type Draft,
} from "./store.ts";

export const BLOBSTORE = "wasi:blobstore/blobstore";
export const CONTAINER = "wasi:blobstore/container";
export const TYPES = "wasi:blobstore/types";

/** Values that a component may have at a time, of each kind. */
const MAX_VALUES = 32;
/** Of a value that is read in one piece. */
const MAX_SYNC = 4_194_304;

interface Outgoing {
  draft: Promise<Draft> | undefined;
  dropped: boolean;
  opened: boolean;
  target: BlobRef | undefined;
  /** Why what was written cannot become a blob. */
  fault: BlobFault | undefined;
}

interface ObjectId {
  readonly container: string;
  readonly object: string;
}

/**
 * Serves `wasi:blobstore` of 0.2.0-draft from a store. A container's representation is its name; values and listings have
 * numbers.
 */
export function bindBlobstore(link: LinkContext<LinkConfig>, store: BlobStore, clock: Clock): Binding {
  const { containers, read_only, max_object } = link.config;
  const namespace = link.config.namespace ?? link.component;
  const pace = createPacer(clock);
  const outgoing = new Map<number, Outgoing>();
  const incoming = new Map<number, BlobPart>();
  /** Those that are being opened or read included. */
  const parts = new Set<BlobPart>();
  let opening = 0;
  const listings = createListings();
  // Those that another binding gave out, before the link was swapped, are none of these.
  let last = randomInt(2 ** 47);
  let ended = false;

  /** The container's name in the store. Checked at every use: the link may have changed since it was opened. */
  const key = (container: string): string => {
    if (containers !== undefined && !containers.includes(container)) throw new BlobFault("access denied");
    const found = containerKey(namespace, container);
    if (found === undefined) throw new BlobFault("the name of a container is empty, too long, or no text");
    return found;
  };
  const ref = (container: string, name: string): BlobRef => ({ container: key(container), name });
  const refOf = ({ container, object }: ObjectId): BlobRef => ref(container, object);
  const changing = (): void => {
    if (read_only) throw new BlobFault("the link is for reading only");
  };

  /** Faults are the function's `err`; so is what else a store fails with, which is logged. */
  const told = (error: unknown): WitError => {
    if (error instanceof WitError) return error;
    if (error instanceof BlobFault) {
      if (error.cause !== undefined)
        pace("fault", (left) => link.log.warn("The blob store failed", { err: error.cause, left }));
      return new WitError(error.message);
    }
    pace("failure", (left) => link.log.error("The blob store failed", { err: error, left }));
    return new WitError("the store failed");
  };
  const telling =
    <Args extends unknown[], T>(act: (...args: Args) => T | Promise<T>) =>
    async (...args: Args): Promise<T> => {
      try {
        return await act(...args);
      } catch (error) {
        throw told(error);
      }
    };

  const outgoingOf = (value: number): Outgoing => {
    const found = outgoing.get(value);
    if (found === undefined) throw new BlobFault("there is no such value; what it was made by has gone");
    return found;
  };
  const close = async (part: BlobPart): Promise<void> => {
    parts.delete(part);
    await part[Symbol.asyncDispose]();
  };
  const takeIncoming = (value: number): BlobPart => {
    const part = incoming.get(value);
    incoming.delete(value);
    if (part === undefined) throw new BlobFault("there is no such value; what it was made by has gone");
    return part;
  };

  /** One for all that write to it at the same time; a value that was dropped gets none. */
  const draftOf = async (one: Outgoing): Promise<Draft> => {
    if (one.dropped) throw finished();
    return await (one.draft ??= store.draft(max_object, one.target?.container));
  };
  const disposeDraft = async ({ draft }: Outgoing): Promise<void> => {
    // One that could not be made leaves nothing, and was told of.
    const made = await draft?.catch(() => undefined);
    await made?.[Symbol.asyncDispose]();
  };

  const writer = (one: Outgoing): ByteWriter => ({
    write: telling(async (bytes) => {
      try {
        const draft = await draftOf(one);
        await draft.write(bytes);
      } catch (error) {
        one.fault ??= error instanceof BlobFault ? error : new BlobFault("the store failed");
        // What there is of it takes room that others may have.
        await disposeDraft(one);
        throw error;
      }
    }),
    close: async () => {},
    abort: () => {
      one.fault ??= new BlobFault("the value was not written to its end");
    },
  });

  /** Ended before it has begun, it closes the part as well. */
  const reading = (part: BlobPart): ByteReader => ({
    [Symbol.asyncIterator]() {
      const pieces = part.read()[Symbol.asyncIterator]();
      const end = async (): Promise<IteratorReturnResult<undefined>> => {
        await pieces.return?.();
        await close(part);
        return { done: true, value: undefined };
      };
      return {
        async next() {
          try {
            const piece = await pieces.next();
            return piece.done === true ? await end() : piece;
          } catch (error) {
            await end();
            throw told(error);
          }
        },
        return: end,
      };
    },
  });

  async function dropOutgoing(value: number): Promise<void> {
    const one = outgoing.get(value);
    outgoing.delete(value);
    if (one === undefined) return;
    one.dropped = true;
    await disposeDraft(one);
  }

  async function finish(value: number): Promise<void> {
    const one = outgoingOf(value);
    try {
      changing();
      if (one.fault !== undefined) throw one.fault;
      if (one.target === undefined) throw new BlobFault("the value was given to no object");
      const draft = await draftOf(one);
      await draft.finish(one.target);
    } finally {
      await dropOutgoing(value);
    }
  }

  const types = {
    "[static]outgoing-value.new-outgoing-value": () => {
      const value = ++last;
      const fault =
        outgoing.size >= MAX_VALUES || ended ? new BlobFault("the component has too many values") : undefined;
      // The function has no `err`: one too many fails when it is used.
      if (fault === undefined)
        outgoing.set(value, { draft: undefined, dropped: false, opened: false, target: undefined, fault });
      return value;
    },
    "[method]outgoing-value.outgoing-value-write-body": (value: number): ByteWriter => {
      const one = outgoing.get(value);
      if (one === undefined || one.opened) throw new WitError(undefined);
      one.opened = true;
      return writer(one);
    },
    "[static]outgoing-value.finish": telling(finish),
    "[resource-drop]outgoing-value": dropOutgoing,
    "[static]incoming-value.incoming-value-consume-sync": telling(async (value: number) => {
      const part = takeIncoming(value);
      try {
        if (part.size > MAX_SYNC) throw new BlobFault(`more than ${MAX_SYNC} bytes are read as a stream`);
        const pieces: Uint8Array[] = [];
        for await (const piece of part.read()) pieces.push(piece);
        return new Uint8Array(Buffer.concat(pieces));
      } finally {
        await close(part);
      }
    }),
    "[static]incoming-value.incoming-value-consume-async": telling((value: number): ByteReader =>
      reading(takeIncoming(value)),
    ),
    "[method]incoming-value.size": (value: number) => BigInt(incoming.get(value)?.size ?? 0),
    "[resource-drop]incoming-value": async (value: number) => {
      const part = incoming.get(value);
      incoming.delete(value);
      if (part !== undefined) await close(part);
    },
  };

  const container = {
    "[method]container.name": (name: string) => name,
    "[method]container.info": telling(async (name: string) => {
      const info = await store.containerInfo(key(name));
      if (info === undefined) throw noContainer();
      return { name, createdAt: BigInt(info.createdAt) };
    }),
    "[method]container.get-data": telling(async (name: string, object: string, start: bigint, end: bigint) => {
      if (start > end) throw new BlobFault("the end lies before the start");
      if (ended || parts.size + opening >= MAX_VALUES)
        throw new BlobFault(`a component has at most ${MAX_VALUES} objects open`);
      const most = Number.MAX_SAFE_INTEGER - 1;
      opening += 1;
      try {
        const part = await store.open(ref(name, object), Math.min(Number(start), most), Math.min(Number(end), most));
        if (ended) {
          await part[Symbol.asyncDispose]();
          throw new BlobFault("the link has ended");
        }
        parts.add(part);
        incoming.set(++last, part);
        return last;
      } finally {
        opening -= 1;
      }
    }),
    "[method]container.write-data": telling(async (name: string, object: string, value: number) => {
      changing();
      const one = outgoingOf(value);
      if (one.target !== undefined) throw new BlobFault("the value was given to an object before");
      const target = ref(name, object);
      // Finds out early that there is no such container, or that this is no name.
      await store.info(target);
      one.target = target;
    }),
    "[method]container.list-objects": telling(async (name: string) => {
      if ((await store.containerInfo(key(name))) === undefined) throw noContainer();
      return listings.open(store.names(key(name)));
    }),
    "[method]container.delete-object": telling(async (name: string, object: string) => {
      changing();
      await store.remove(ref(name, object));
    }),
    "[method]container.delete-objects": telling(async (name: string, objects: readonly string[]) => {
      changing();
      for (const object of objects) await store.remove(ref(name, object));
    }),
    "[method]container.has-object": telling(
      async (name: string, object: string) => (await store.info(ref(name, object))) !== undefined,
    ),
    "[method]container.object-info": telling(async (name: string, object: string) => {
      const info = await store.info(ref(name, object));
      if (info === undefined) throw noBlob();
      return { name: object, container: name, createdAt: BigInt(info.createdAt), size: BigInt(info.size) };
    }),
    "[method]container.clear": telling(async (name: string) => {
      changing();
      await store.clear(key(name));
    }),
    "[method]stream-object-names.read-stream-object-names": telling(async (listing: number, count: bigint) => {
      const { names, end } = await listings.read(listing, count);
      return [names, end];
    }),
    "[method]stream-object-names.skip-stream-object-names": telling(async (listing: number, count: bigint) => {
      const { skipped, end } = await listings.skip(listing, count);
      return [skipped, end];
    }),
  };

  return {
    functions: {
      [TYPES]: types,
      [CONTAINER]: container,
      [BLOBSTORE]: {
        "create-container": telling(async (name: string) => {
          changing();
          await store.createContainer(key(name));
          return name;
        }),
        "get-container": telling(async (name: string) => {
          if ((await store.containerInfo(key(name))) === undefined) throw noContainer();
          return name;
        }),
        "delete-container": telling(async (name: string) => {
          changing();
          await store.deleteContainer(key(name));
        }),
        "container-exists": telling(async (name: string) => (await store.containerInfo(key(name))) !== undefined),
        "copy-object": telling(async (from: ObjectId, to: ObjectId) => {
          changing();
          await store.copy(refOf(from), refOf(to));
        }),
        "move-object": telling(async (from: ObjectId, to: ObjectId) => {
          changing();
          await store.move(refOf(from), refOf(to));
        }),
      },
    },
    async [Symbol.asyncDispose]() {
      ended = true;
      await Promise.all([...outgoing.keys()].map(dropOutgoing));
      await Promise.all([...parts].map(close));
      incoming.clear();
      await listings[Symbol.asyncDispose]();
    },
  };
}
