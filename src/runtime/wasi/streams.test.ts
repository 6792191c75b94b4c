import { describe, test } from "vitest";
import { ok } from "./result.ts";
import {
  CLOSED,
  InputStream,
  IoError,
  MAX_READ,
  OutputStream,
  streamFailure,
  type ByteSink,
  type ByteSource,
  type StreamError,
} from "./streams.ts";
import { Signal, type Suspend } from "./waiting.ts";

const suspend: Suspend = (arm) => new Promise((resume) => void arm(resume));
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

/** Gives what was put into it, piece by piece. */
function source() {
  const signal = new Signal();
  const pieces: (Uint8Array | StreamError)[] = [];
  const wanted: number[] = [];
  let closed = false;
  const made: ByteSource = {
    ready: () => pieces.length > 0,
    subscribe: (wake) => signal.subscribe(wake),
    read: (max) => {
      wanted.push(max);
      return pieces.shift() ?? new Uint8Array(0);
    },
    close: () => {
      closed = true;
    },
  };
  return {
    made,
    wanted,
    put: (...more: (Uint8Array | StreamError)[]) => {
      pieces.push(...more);
      signal.notify();
    },
    get closed() {
      return closed;
    },
  };
}

/** Has `space` for so many bytes until it is drained. */
function sink(space: number) {
  const signal = new Signal();
  const written: number[][] = [];
  let left = space;
  let flushing = false;
  let failure: StreamError | undefined;
  const made: ByteSink = {
    ready: () => failure !== undefined || (left > 0 && !flushing),
    subscribe: (wake) => signal.subscribe(wake),
    space: () => failure ?? (flushing ? 0 : left),
    write: (piece) => {
      left -= piece.length;
      written.push([...piece]);
    },
    flush: () => {
      flushing = true;
    },
    close: () => {
      failure = CLOSED;
    },
  };
  const change = (act: () => void) => () => {
    act();
    signal.notify();
  };
  return {
    made,
    written,
    drain: change(() => {
      left = space;
      flushing = false;
    }),
    fail: change(() => {
      failure = streamFailure(new IoError("cut"));
    }),
  };
}

describe("InputStream", () => {
  test("read() gives what is there, nothing when nothing is, and never asks for too much", ({ expect }) => {
    const from = source();
    const stream = new InputStream(suspend, from.made);
    expect(stream.read(5n)).toEqual(ok(bytes()));
    from.put(bytes(1, 2));
    expect(stream.read(2n ** 64n - 1n)).toEqual(ok(bytes(1, 2)));
    expect(stream.read(0n)).toEqual(ok(bytes()));
    expect(from.wanted).toEqual([5, MAX_READ]);
  });

  test("read() tells the end, and goes on telling it", ({ expect }) => {
    const from = source();
    from.put(streamFailure(new IoError("cut")));
    const stream = new InputStream(suspend, from.made);
    expect(stream.read(1n)).toMatchObject({ tag: "err", val: { tag: "last-operation-failed" } });
    expect(stream.read(1n)).toEqual({ tag: "err", val: CLOSED });
    expect(stream.blockingRead(1n)).toEqual({ tag: "err", val: CLOSED });
    expect(stream.subscribe().ready()).toBe(true);
  });

  test("blockingRead() waits for bytes, blockingSkip() counts them", async ({ expect }) => {
    const from = source();
    const stream = new InputStream(suspend, from.made);
    const read = stream.blockingRead(9n);
    from.put(bytes(7));
    expect(await read).toEqual(ok(bytes(7)));
    from.put(bytes(1, 2, 3));
    expect(stream.blockingSkip(9n)).toEqual(ok(3n));
  });

  test("disposing it closes the source", ({ expect }) => {
    const from = source();
    new InputStream(suspend, from.made)[Symbol.dispose]();
    expect(from.closed).toBe(true);
  });
});

describe("OutputStream", () => {
  test("write() takes what checkWrite() allows and no more", ({ expect }) => {
    const to = sink(3);
    const stream = new OutputStream(suspend, to.made);
    expect(stream.checkWrite()).toEqual(ok(3n));
    stream.write(bytes(1));
    stream.writeZeroes(2n);
    expect(to.written).toEqual([[1], [0, 0]]);
    expect(() => stream.write(bytes(1))).toThrow(/exceeds/);
    expect(() => stream.writeZeroes(2n ** 40n)).toThrow(/exceeds/);
    expect(stream.subscribe().ready()).toBe(false);
  });

  test("blockingWriteAndFlush() writes piece by piece, as there is space, and waits for the flush", async ({
    expect,
  }) => {
    const to = sink(2);
    const stream = new OutputStream(suspend, to.made);
    let over = false;
    const written = Promise.resolve(stream.blockingWriteAndFlush(bytes(1, 2, 3))).then((result) => {
      over = true;
      return result;
    });
    await new Promise(setImmediate);
    to.drain();
    await new Promise(setImmediate);
    expect([to.written, over]).toEqual([[[1, 2], [3]], false]);
    expect(stream.checkWrite()).toEqual(ok(0n));
    to.drain();
    expect(await written).toEqual(ok(undefined));
  });

  test("blockingFlush() tells the failure once; after it the stream is closed", async ({ expect }) => {
    const to = sink(2);
    const stream = new OutputStream(suspend, to.made);
    const flushed = stream.blockingFlush();
    to.fail();
    expect(await flushed).toMatchObject({ tag: "err", val: { tag: "last-operation-failed" } });
    expect(stream.checkWrite()).toEqual({ tag: "err", val: CLOSED });
    expect(stream.blockingWriteAndFlush(bytes(1))).toEqual({ tag: "err", val: CLOSED });
  });

  test("blockingWriteZeroesAndFlush() is bounded, and ends when the sink fails", async ({ expect }) => {
    const to = sink(2);
    const stream = new OutputStream(suspend, to.made);
    expect(() => stream.blockingWriteZeroesAndFlush(2n ** 64n - 1n)).toThrow(/exceeds/);
    const written = stream.blockingWriteZeroesAndFlush(4096n);
    await new Promise(setImmediate);
    to.fail();
    expect(await written).toMatchObject({ tag: "err", val: { tag: "last-operation-failed" } });
  });

  test("splice() moves what there is, blockingSplice() waits for some, and both tell the end", async ({ expect }) => {
    const [from, to] = [source(), sink(4)];
    const [input, output] = [new InputStream(suspend, from.made), new OutputStream(suspend, to.made)];
    expect(output.splice(input, 9n)).toEqual(ok(0n));
    const spliced = output.blockingSplice(input, 9n);
    from.put(bytes(5, 6));
    expect(await spliced).toEqual(ok(2n));
    expect([to.written, from.wanted]).toEqual([[[5, 6]], [4, 4]]);
    from.put(CLOSED);
    expect(output.splice(input, 1n)).toEqual({ tag: "err", val: CLOSED });
  });
});
