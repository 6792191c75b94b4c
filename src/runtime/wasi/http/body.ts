// Bodies that a component reads and bodies that it writes, and their trailers.

import { err, ok, type WasiResult } from "../result.ts";
import {
  CLOSED,
  InputStream,
  IoError,
  OutputStream,
  streamFailure,
  type ByteSink,
  type ByteSource,
  type StreamError,
} from "../streams.ts";
import { Pollable, Signal, type Suspend } from "../waiting.ts";
import { HttpFault, type ErrorCode } from "./error-code.ts";
import type { Fields } from "./fields.ts";
import { BODY_WINDOW } from "./messages.ts";

const REFUSED: WasiResult<never, undefined> = err(undefined);

/** How a body ended: with trailers or none, or cut off. */
export type BodyEnd = WasiResult<Fields | undefined, ErrorCode>;

/** The bytes of a body that a component reads. */
export interface BodySource extends ByteSource {
  /** Undefined until the end has been read. */
  readonly end: BodyEnd | undefined;
  /** Drops what is still to come, so that the end is reached. */
  drain(): void;
  /** Nobody wants the rest, nor to know the end. */
  discard(): void;
}

/** The failure as a stream tells it: `http-error-code` finds the code again. */
export function bodyFailure(code: ErrorCode): StreamError {
  return streamFailure(new IoError(`the body failed: ${code.tag}`, new HttpFault(code)));
}

/** The resource `incoming-body`. */
export class IncomingBody {
  readonly #suspend: Suspend;
  readonly #source: BodySource;
  #streamed = false;
  #finished = false;

  constructor(suspend: Suspend, source: BodySource) {
    this.#suspend = suspend;
    this.#source = source;
  }

  stream(): WasiResult<InputStream, undefined> {
    if (this.#streamed) return REFUSED;
    this.#streamed = true;
    return ok(new InputStream(this.#suspend, this.#source));
  }

  static finish(body: IncomingBody): FutureTrailers {
    body.#finished = true;
    body.#source.drain();
    return new FutureTrailers(body.#suspend, body.#source);
  }

  [Symbol.dispose](): void {
    // Given to `finish`, its handle is gone but what it stands for is not.
    if (!this.#finished) this.#source.discard();
  }
}

/** The resource `future-trailers`. */
export class FutureTrailers {
  readonly #suspend: Suspend;
  readonly #source: BodySource;
  #taken = false;

  constructor(suspend: Suspend, source: BodySource) {
    this.#suspend = suspend;
    this.#source = source;
  }

  subscribe(): Pollable {
    const source = this.#source;
    return new Pollable(this.#suspend, {
      ready: () => source.end !== undefined,
      subscribe: (wake) => source.subscribe(wake),
    });
  }

  get(): WasiResult<BodyEnd, undefined> | undefined {
    const { end } = this.#source;
    if (end === undefined) return undefined;
    if (this.#taken) return REFUSED;
    this.#taken = true;
    return ok(end);
  }
}

/** Where a body goes that a component writes. */
export interface BodyTarget {
  /** How many bytes it takes now, or why it takes no more. */
  space(): number | ErrorCode;
  write(bytes: Uint8Array): void;
  /** True when nothing that was written waits here. */
  flushed(): boolean;
  end(trailers: Fields | undefined): void;
  /** The body will not be completed. */
  abort(code: ErrorCode): void;
  subscribe(wake: () => void): () => void;
}

/**
 * A body on its way out. It may be written before it is known where it goes: until then its first bytes are kept here.
 */
export class BodyPipe implements ByteSink {
  readonly #signal = new Signal();
  readonly #sizeFault: "HTTP-request-body-size" | "HTTP-response-body-size";
  #target: BodyTarget | undefined;
  #held: Uint8Array[] = [];
  #written = 0;
  #flushing = false;
  #expected: number | undefined;
  #outcome: { readonly trailers: Fields | undefined } | { readonly code: ErrorCode } | undefined;

  constructor(sizeFault: "HTTP-request-body-size" | "HTTP-response-body-size") {
    this.#sizeFault = sizeFault;
  }

  /** The length that the headers promise. */
  expect(length: number | undefined): void {
    this.#expected = length;
  }

  /** All of it, once it is complete and when it was not yet attached. */
  get complete(): { readonly chunks: readonly Uint8Array[]; readonly trailers: Fields | undefined } | undefined {
    if (this.#target !== undefined || this.#outcome === undefined || "code" in this.#outcome) return undefined;
    return { chunks: this.#held, trailers: this.#outcome.trailers };
  }

  attach(target: BodyTarget): void {
    this.#target = target;
    for (const chunk of this.#held) target.write(chunk);
    this.#held = [];
    if (this.#outcome !== undefined) {
      if ("code" in this.#outcome) target.abort(this.#outcome.code);
      else target.end(this.#outcome.trailers);
    }
    this.#signal.notify();
  }

  ready(): boolean {
    const space = this.#room();
    return typeof space !== "number" || (space > 0 && this.#flushedNow());
  }

  subscribe(wake: () => void): () => void {
    const own = this.#signal.subscribe(wake);
    const other = this.#target?.subscribe(wake);
    return () => {
      own();
      other?.();
    };
  }

  space(): number | StreamError {
    const space = this.#room();
    if (typeof space !== "number") return bodyFailure(space);
    if (this.#outcome !== undefined) return CLOSED;
    return this.#flushedNow() ? space : 0;
  }

  write(bytes: Uint8Array): void {
    this.#written += bytes.byteLength;
    if (this.#expected !== undefined && this.#written > this.#expected) {
      this.abort({ tag: this.#sizeFault, val: BigInt(this.#expected) });
    } else if (this.#target === undefined) this.#held.push(bytes);
    else this.#target.write(bytes);
  }

  flush(): void {
    this.#flushing = true;
  }

  close(): void {
    // The body is ended by `finish`, or by dropping it.
  }

  finish(trailers: Fields | undefined): WasiResult<undefined, ErrorCode> {
    if (this.#outcome !== undefined) return "code" in this.#outcome ? err(this.#outcome.code) : ok(undefined);
    // A response to HEAD says how long the body would have been.
    const none = this.#written === 0 && this.#sizeFault === "HTTP-response-body-size";
    if (this.#expected !== undefined && this.#written !== this.#expected && !none) {
      const code: ErrorCode = { tag: this.#sizeFault, val: BigInt(this.#written) };
      this.abort(code);
      return err(code);
    }
    if (trailers?.fitTrailers === false) {
      const code: ErrorCode = { tag: "HTTP-protocol-error" };
      this.abort(code);
      return err(code);
    }
    this.#outcome = { trailers };
    this.#target?.end(trailers);
    return ok(undefined);
  }

  abort(code: ErrorCode): void {
    if (this.#outcome !== undefined) return;
    this.#outcome = { code };
    this.#held = [];
    this.#target?.abort(code);
    this.#signal.notify();
  }

  #room(): number | ErrorCode {
    if (this.#outcome !== undefined && "code" in this.#outcome) return this.#outcome.code;
    return this.#target === undefined ? Math.max(0, BODY_WINDOW - this.#written) : this.#target.space();
  }

  /** Before there is a target, what is held counts as handed over: the guest could not wait for more. */
  #flushedNow(): boolean {
    if (this.#flushing && (this.#target === undefined || this.#target.flushed())) this.#flushing = false;
    return !this.#flushing;
  }
}

/** The resource `outgoing-body`. */
export class OutgoingBody {
  readonly #suspend: Suspend;
  readonly #pipe: BodyPipe;
  #written = false;
  #finished = false;

  constructor(suspend: Suspend, pipe: BodyPipe) {
    this.#suspend = suspend;
    this.#pipe = pipe;
  }

  write(): WasiResult<OutputStream, undefined> {
    if (this.#written) return REFUSED;
    this.#written = true;
    return ok(new OutputStream(this.#suspend, this.#pipe));
  }

  static finish(body: OutgoingBody, trailers: Fields | undefined): WasiResult<undefined, ErrorCode> {
    body.#finished = true;
    return body.#pipe.finish(trailers);
  }

  /** Dropped instead of finished, the body is cut off, and whoever reads it is told. */
  [Symbol.dispose](): void {
    if (!this.#finished) this.#pipe.abort({ tag: "internal-error", val: "the body was dropped before its end" });
  }
}
