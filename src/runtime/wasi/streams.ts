// wasi:io/streams over any source and sink of bytes: files, sockets, bodies, standard output.

import { err, ok, type WasiResult } from "./result.ts";
import { Pollable, waitForAny, type Suspend, type Waitable } from "./waiting.ts";

/** Most bytes that one read takes from a source, whatever the guest asks for. */
export const MAX_READ = 65_536;

/** The resource `error` of wasi:io/error. `cause` is for the interfaces that know more of it, such as wasi:http. */
export class IoError {
  readonly #message: string;
  readonly cause: unknown;

  constructor(message: string, cause?: unknown) {
    this.#message = message;
    this.cause = cause;
  }

  toDebugString(): string {
    return this.#message;
  }
}

export type StreamError = { readonly tag: "last-operation-failed"; readonly val: IoError } | { readonly tag: "closed" };
type StreamResult<T> = WasiResult<T, StreamError>;

export const CLOSED: StreamError = { tag: "closed" };
export const streamFailure = (error: IoError): StreamError => ({ tag: "last-operation-failed", val: error });

/** Where an input stream takes its bytes from. Ready when `read` has bytes, the end or a failure. */
export interface ByteSource extends Waitable {
  /** Up to `max` bytes, which the caller keeps; none when there are none yet. */
  read(max: number): Uint8Array | StreamError;
  /** The guest reads no more. */
  close(): void;
}

/** Where an output stream puts its bytes. Ready when it has space or has failed, and no flush is under way. */
export interface ByteSink extends Waitable {
  /** How many bytes may be written now. */
  space(): number | StreamError;
  /** Takes at most `space()` bytes, and keeps them. A failure shows at the next `space()`. */
  write(bytes: Uint8Array): void;
  /** Begins to hand over what was written; not ready until that is done. */
  flush(): void;
  /** The guest writes no more. */
  close(): void;
}

const EMPTY = new Uint8Array(0);
const DONE = ok(undefined);
const END = err(CLOSED);
// Writing more is a fault of the guest: it was told the budget.
const OVER_BUDGET = "write exceeds what check-write allowed";

export class InputStream {
  readonly #suspend: Suspend;
  readonly #source: ByteSource;
  #ended = false;

  constructor(suspend: Suspend, source: ByteSource) {
    this.#suspend = suspend;
    this.#source = source;
  }

  read(length: bigint): StreamResult<Uint8Array> {
    if (this.#ended) return END;
    const wanted = length < MAX_READ ? Number(length) : MAX_READ;
    if (wanted === 0) return ok(EMPTY);
    const found = this.#source.read(wanted);
    if (found instanceof Uint8Array) return ok(found);
    this.#ended = true;
    return err(found);
  }

  blockingRead(length: bigint): StreamResult<Uint8Array> | Promise<StreamResult<Uint8Array>> {
    return this.#whenReady(length, () => this.read(length));
  }

  skip(length: bigint): StreamResult<bigint> {
    const read = this.read(length);
    return read.tag === "ok" ? ok(BigInt(read.val.byteLength)) : read;
  }

  blockingSkip(length: bigint): StreamResult<bigint> | Promise<StreamResult<bigint>> {
    return this.#whenReady(length, () => this.skip(length));
  }

  subscribe(): Pollable {
    return new Pollable(this.#suspend, this.waitable);
  }

  /** What a splice out of this stream waits for. */
  get waitable(): Waitable {
    const source = this.#source;
    return { ready: () => this.#ended || source.ready(), subscribe: (wake) => source.subscribe(wake) };
  }

  [Symbol.dispose](): void {
    this.#source.close();
  }

  #whenReady<T>(length: bigint, act: () => T): T | Promise<T> {
    if (length === 0n || this.#ended || this.#source.ready()) return act();
    return (waitForAny(this.#suspend, [this.#source]) ?? Promise.resolve()).then(act);
  }
}

export class OutputStream {
  readonly #suspend: Suspend;
  readonly #sink: ByteSink;
  #ended = false;

  constructor(suspend: Suspend, sink: ByteSink) {
    this.#suspend = suspend;
    this.#sink = sink;
  }

  checkWrite(): StreamResult<bigint> {
    const space = this.#space();
    return typeof space === "number" ? ok(BigInt(space)) : err(space);
  }

  write(contents: Uint8Array): StreamResult<undefined> {
    const space = this.#space();
    if (typeof space !== "number") return err(space);
    if (contents.byteLength > space) throw new Error(OVER_BUDGET);
    this.#sink.write(contents);
    return DONE;
  }

  blockingWriteAndFlush(contents: Uint8Array): StreamResult<undefined> | Promise<StreamResult<undefined>> {
    const space = this.#space();
    if (typeof space !== "number") return err(space);
    if (contents.byteLength > space) return this.#writeAll(contents);
    this.#sink.write(contents);
    return this.blockingFlush();
  }

  flush(): StreamResult<undefined> {
    const space = this.#space();
    if (typeof space !== "number") return err(space);
    this.#sink.flush();
    return DONE;
  }

  blockingFlush(): StreamResult<undefined> | Promise<StreamResult<undefined>> {
    const asked = this.flush();
    if (asked.tag === "err") return asked;
    const wait = waitForAny(this.#suspend, [this.#sink]);
    return wait === undefined ? this.#outcome() : wait.then(() => this.#outcome());
  }

  writeZeroes(length: bigint): StreamResult<undefined> {
    const space = this.#space();
    if (typeof space !== "number") return err(space);
    if (length > BigInt(space)) throw new Error(OVER_BUDGET);
    return this.write(new Uint8Array(Number(length)));
  }

  blockingWriteZeroesAndFlush(length: bigint): StreamResult<undefined> | Promise<StreamResult<undefined>> {
    // The standard knows no more than 4096.
    if (length > MAX_READ) throw new Error(OVER_BUDGET);
    return this.blockingWriteAndFlush(new Uint8Array(Number(length)));
  }

  splice(from: InputStream, length: bigint): StreamResult<bigint> {
    const space = this.#space();
    if (typeof space !== "number") return err(space);
    const read = from.read(length < BigInt(space) ? length : BigInt(space));
    if (read.tag === "err") return read;
    if (read.val.byteLength > 0) this.#sink.write(read.val);
    return ok(BigInt(read.val.byteLength));
  }

  /** Waits until there is space here, and then until there is something there. */
  async blockingSplice(from: InputStream, length: bigint): Promise<StreamResult<bigint>> {
    if (length > 0n) {
      await waitForAny(this.#suspend, [this.#sink]);
      await waitForAny(this.#suspend, [from.waitable]);
    }
    return this.splice(from, length);
  }

  subscribe(): Pollable {
    const sink = this.#sink;
    const ready = (): boolean => this.#ended || sink.ready();
    return new Pollable(this.#suspend, { ready, subscribe: (wake) => sink.subscribe(wake) });
  }

  [Symbol.dispose](): void {
    this.#sink.close();
  }

  /** A failure is told once; after it the stream is closed. */
  #space(): number | StreamError {
    if (this.#ended) return CLOSED;
    const space = this.#sink.space();
    if (typeof space !== "number") this.#ended = true;
    return space;
  }

  #outcome(): StreamResult<undefined> {
    const space = this.#space();
    return typeof space === "number" ? DONE : err(space);
  }

  async #writeAll(contents: Uint8Array): Promise<StreamResult<undefined>> {
    for (let at = 0; at < contents.byteLength;) {
      await waitForAny(this.#suspend, [this.#sink]);
      const space = this.#space();
      if (typeof space !== "number") return err(space);
      this.#sink.write(contents.subarray(at, at + space));
      at += space;
    }
    return this.blockingFlush();
  }
}
