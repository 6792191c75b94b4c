// Streams and futures. What is there when the value is sent goes with it; what is not goes on a path of its own.

import { OBJECT, type Codec } from "./codec.ts";
import { Assembly } from "./assembly.ts";
import { faultOf, WireFault } from "./faults.ts";
import { misfit } from "./numbers.ts";
import type { PartSource, Reader, ReadLimits } from "./reader.ts";
import type { PartSink, Writer } from "./writer.ts";

/** `list` is the codec of the stream's pieces. */
export function streamCodec(list: Codec): Codec {
  return {
    write: (out, value) => {
      if (isPiece(value)) {
        // A length of zero would say that the content comes later.
        if (value.length === 0) defer(out, { send: sendEnd });
        else list.write(out, value);
        return;
      }
      if (!isAsyncIterable(value)) throw misfit("a stream", value);
      defer(out, {
        send: (sink) => sendPieces(value, list, sink),
        discard: () =>
          void value[Symbol.asyncIterator]()
            .return?.()
            .catch(() => {}),
      });
    },
    read: (input) => {
      const begin = input.at;
      if (input.count() !== 0) {
        input.at = begin;
        return readyStream(list.read(input));
      }
      const { promise, resolve } = Promise.withResolvers<PartSource>();
      open(input, resolve);
      return readPieces(promise, list, input.limits);
    },
    least: 1,
    heap: OBJECT,
    depth: list.depth + 1,
    async: true,
  };
}

/** `inner` is the codec of the future's value. */
export function futureCodec(inner: Codec): Codec {
  return {
    write: (out, value) => {
      if (!isThenable(value)) {
        out.byte(1);
        inner.write(out, value);
        return;
      }
      // Whether it is ever asked for its value depends on the other side.
      value.then(undefined, () => {});
      defer(out, {
        send: async (sink) => {
          const settled = await value;
          sink.writer.begin();
          inner.write(sink.writer, settled);
          const bytes = sink.writer.take();
          if (bytes.length > 0) await sink.send(bytes);
        },
      });
    },
    read: (input) => {
      const ready = input.byte();
      if (ready > 1) throw input.fault(`case ${ready} of 2, in a value of a future,`);
      if (ready === 1) return Promise.resolve(inner.read(input));
      const { limits } = input;
      const { promise, resolve, reject } = Promise.withResolvers<unknown>();
      promise.catch(() => {});
      open(input, (source) => void readFuture(source, inner, limits).then(resolve, reject));
      return promise;
    },
    least: 1,
    heap: OBJECT + inner.heap,
    depth: inner.depth + 1,
    async: true,
  };
}

function defer(
  out: Writer,
  part: { readonly send: (sink: PartSink) => Promise<void>; readonly discard?: () => void },
): void {
  out.byte(0);
  out.parts.push({ discard: () => {}, ...part, path: out.path.join(".") });
}

function open(input: Reader, begin: (source: PartSource) => void): void {
  input.parts.push({ path: input.path.join("."), begin });
}

async function sendPieces(pieces: AsyncIterable<unknown>, list: Codec, sink: PartSink): Promise<void> {
  for await (const piece of pieces) {
    sink.signal.throwIfAborted();
    if (isPiece(piece) && piece.length === 0) continue;
    sink.writer.begin();
    list.write(sink.writer, piece);
    await sink.send(sink.writer.take());
  }
  await sendEnd(sink);
}

async function sendEnd(sink: PartSink): Promise<void> {
  sink.writer.begin();
  sink.writer.count(0);
  await sink.send(sink.writer.take());
}

async function* readyStream(piece: unknown): AsyncGenerator<unknown, void> {
  yield piece;
}

async function* readPieces(
  opened: Promise<PartSource>,
  list: Codec,
  limits: ReadLimits,
): AsyncGenerator<unknown, void> {
  const source = await opened;
  try {
    const assembly = new Assembly(limits);
    for (let last = false; ;) {
      const found = assembly.take((input) => list.read(input), last);
      if (found !== undefined) {
        if (isPiece(found.value) && found.value.length === 0) return;
        yield found.value;
        continue;
      }
      if (last) {
        // Some senders end a stream without saying so in it.
        if (assembly.length === 0) return;
        throw new WireFault("malformed", "a stream that is cut off");
      }
      const bytes = await source.next();
      if (bytes === undefined) last = true;
      else assembly.push(bytes);
    }
  } catch (error) {
    throw faultOf("a stream", error);
  } finally {
    source.cancel();
  }
}

async function readFuture(source: PartSource, inner: Codec, limits: ReadLimits): Promise<unknown> {
  try {
    const assembly = new Assembly(limits);
    for (let last = inner.least === 0; ;) {
      const found = assembly.take((input) => inner.read(input), last);
      if (found !== undefined) return found.value;
      if (last) throw new WireFault("malformed", "a future that is cut off");
      const bytes = await source.next();
      if (bytes === undefined) last = true;
      else assembly.push(bytes);
    }
  } catch (error) {
    throw faultOf("a future", error);
  } finally {
    source.cancel();
  }
}

function isPiece(value: unknown): value is { readonly length: number } {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && "length" in value);
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
