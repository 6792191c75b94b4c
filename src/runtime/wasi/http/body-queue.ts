// A body that arrives from the main thread.

import { CLOSED, type StreamError } from "../streams.ts";
import { Signal } from "../waiting.ts";
import { bodyFailure, type BodyEnd, type BodySource } from "./body.ts";
import { BODY_WINDOW } from "./messages.ts";

const NOTHING = new Uint8Array(0);
// Told in portions, so that not every small read costs a message. The sender may have the rest of the window under way.
const CREDIT_PORTION = BODY_WINDOW / 2;

export class BodyQueue implements BodySource {
  readonly #signal = new Signal();
  readonly #chunks: Uint8Array[] = [];
  readonly #onCredit: (bytes: number) => void;
  #taken = 0;
  #draining = false;
  #end: BodyEnd | undefined;

  /** `onCredit` is told how many bytes have left the queue. */
  constructor(onCredit: (bytes: number) => void) {
    this.#onCredit = onCredit;
  }

  push(chunk: Uint8Array): void {
    if (this.#end !== undefined) return;
    if (this.#draining) this.#take(chunk.byteLength);
    else if (chunk.byteLength > 0) this.#chunks.push(chunk);
    this.#signal.notify();
  }

  finish(end: BodyEnd): void {
    this.#end ??= end;
    this.#signal.notify();
  }

  get end(): BodyEnd | undefined {
    return this.#chunks.length === 0 ? this.#end : undefined;
  }

  ready(): boolean {
    return this.#chunks.length > 0 || this.#end !== undefined;
  }

  subscribe(wake: () => void): () => void {
    return this.#signal.subscribe(wake);
  }

  read(max: number): Uint8Array | StreamError {
    const [first] = this.#chunks;
    if (first === undefined) {
      if (this.#end === undefined) return NOTHING;
      return this.#end.tag === "ok" ? CLOSED : bodyFailure(this.#end.val);
    }
    if (first.byteLength <= max) {
      this.#chunks.shift();
      this.#take(first.byteLength);
      return first;
    }
    this.#chunks[0] = first.subarray(max);
    this.#take(max);
    return first.subarray(0, max);
  }

  close(): void {
    // What the stream did not take is dropped with the body.
  }

  drain(): void {
    this.#draining = true;
    for (const chunk of this.#chunks.splice(0)) this.#take(chunk.byteLength);
    this.#signal.notify();
  }

  discard(): void {
    this.drain();
  }

  #take(bytes: number): void {
    this.#taken += bytes;
    if (this.#taken < CREDIT_PORTION || this.#end !== undefined) return;
    this.#onCredit(this.#taken);
    this.#taken = 0;
  }
}
