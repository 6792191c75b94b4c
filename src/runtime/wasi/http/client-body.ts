// The body of a response that Node's client receives.

import type { IncomingMessage } from "node:http";
import { err, ok } from "../result.ts";
import { CLOSED, type StreamError } from "../streams.ts";
import { Signal } from "../waiting.ts";
import { bodyFailure, type BodyEnd, type BodySource } from "./body.ts";
import { errorCode, HttpFault, type ErrorCode } from "./error-code.ts";
import { Fields } from "./fields.ts";
import { pairFields } from "../../../lib/http-message.ts";
import { packFields } from "./packed-fields.ts";

const NOTHING = new Uint8Array(0);
/** Most bytes that are received only to reach the end; after that the connection is given up. */
const MAX_DRAINED = 1_048_576;

export interface BodyLimits {
  /** Milliseconds that may pass without a byte, while none is there to be read. */
  readonly betweenBytes: number;
  readonly maxBody: number;
}

export class ClientBody implements BodySource {
  readonly #response: IncomingMessage;
  readonly #limits: BodyLimits;
  readonly #signal = new Signal();
  #end: BodyEnd | undefined;
  #timer: NodeJS.Timeout | undefined;
  #received = 0;

  constructor(response: IncomingMessage, limits: BodyLimits) {
    this.#response = response;
    this.#limits = limits;
    response.on("readable", () => this.#onReadable());
    response.on("end", () => this.#finish(ok(trailersOf(response))));
    response.on("error", (error) => this.#finish(err(readFault(error))));
    response.on("close", () => this.#finish(err({ tag: "HTTP-response-incomplete" })));
    this.#arm();
  }

  get end(): BodyEnd | undefined {
    return this.#end;
  }

  ready(): boolean {
    return this.#response.readableLength > 0 || this.#end !== undefined;
  }

  subscribe(wake: () => void): () => void {
    return this.#signal.subscribe(wake);
  }

  read(max: number): Uint8Array | StreamError {
    const { readableLength } = this.#response;
    if (readableLength > 0) {
      const chunk: unknown = this.#response.read(Math.min(max, readableLength));
      // Makes Node look whether that was the last of it.
      this.#response.read(0);
      this.#arm();
      if (chunk instanceof Uint8Array) return this.#count(chunk);
    }
    if (this.#end === undefined) return NOTHING;
    return this.#end.tag === "ok" ? CLOSED : bodyFailure(this.#end.val);
  }

  /** A body without a length shows only as it comes that it is too long. */
  #count(chunk: Uint8Array): Uint8Array | StreamError {
    const { maxBody } = this.#limits;
    this.#received += chunk.byteLength;
    if (this.#received <= maxBody) return chunk;
    const code: ErrorCode = { tag: "HTTP-response-body-size", val: BigInt(maxBody) };
    this.#finish(err(code));
    this.#response.destroy(new HttpFault(code));
    return bodyFailure(code);
  }

  close(): void {
    // What the stream did not take goes with the body.
  }

  drain(): void {
    let drained = 0;
    this.#response.removeAllListeners("readable");
    this.#response.on("data", (chunk: Uint8Array) => {
      drained += chunk.byteLength;
      if (drained > MAX_DRAINED) this.discard();
      else this.#arm();
    });
    this.#response.resume();
  }

  discard(): void {
    if (this.#end === undefined) this.#response.destroy();
  }

  #onReadable(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#response.readableLength === 0) this.#response.read(0);
    this.#signal.notify();
  }

  /** Only an empty buffer waits for the network; a full one waits for the component. */
  #arm(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#end !== undefined || this.#response.readableLength > 0) return;
    this.#timer = setTimeout(
      () => this.#response.destroy(new HttpFault({ tag: "connection-read-timeout" })),
      this.#limits.betweenBytes,
    );
  }

  #finish(end: BodyEnd): void {
    clearTimeout(this.#timer);
    this.#end ??= end;
    this.#signal.notify();
  }
}

function trailersOf({ rawTrailers }: IncomingMessage): Fields | undefined {
  if (rawTrailers.length === 0) return undefined;
  return Fields.received(packFields(pairFields(rawTrailers)));
}

/** A connection that ends before the body does leaves it incomplete. */
function readFault(error: unknown): ErrorCode {
  const code = errorCode(error);
  return code.tag === "connection-terminated" ? { tag: "HTTP-response-incomplete" } : code;
}
