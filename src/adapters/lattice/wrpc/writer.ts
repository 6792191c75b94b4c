import { WireFault } from "./faults.ts";

/** What is sent beside a value, on a path of its own. */
export interface AsyncPart {
  /** Such as `0.1`. */
  readonly path: string;
  send(sink: PartSink): Promise<void>;
  /** It will not be sent. */
  discard(): void;
}

/** Where an async part goes. */
export interface PartSink {
  /** For the bytes of one piece; what `write` returns may be given to `send`. */
  readonly writer: Writer;
  /** Resolves when there is room for more. */
  send(bytes: Uint8Array): Promise<void>;
  readonly signal: AbortSignal;
}

const SLAB = 64 * 1024;

/**
 * Bytes of one value after another, each taken out as a view of a slab that is never written there again: the client
 * may hold it until it has sent it.
 */
export class Writer {
  bytes: Buffer = Buffer.allocUnsafeSlow(SLAB);
  at = 0;
  parts: AsyncPart[] = [];
  /** Where the part of the value that is being written lies. */
  readonly path: number[] = [];
  readonly #most: number;
  #start = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** Begins a value, and forgets one that was not finished. */
  begin(): void {
    this.at = this.#start;
    this.parts = [];
    this.path.length = 0;
  }

  /** The bytes since `begin`. */
  take(): Uint8Array {
    const taken = this.bytes.subarray(this.#start, this.at);
    // What is left of the slab would soon be too small, or it is one that was made for a large value.
    if (this.bytes.length - this.at < 64 || this.bytes.length > SLAB) this.#renew(SLAB, this.at);
    this.#start = this.at;
    return taken;
  }

  /**
   * Makes room for `count` bytes at `at`.
   * @throws WireFault
   */
  room(count: number): void {
    if (this.at + count > this.bytes.length) this.#grow(count);
  }

  /** Unsigned LEB128 of an integer below 2^32. */
  count(value: number): void {
    this.room(5);
    const { bytes } = this;
    let { at } = this;
    let rest = value;
    while (rest > 0x7f) {
      bytes[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    bytes[at++] = rest;
    this.at = at;
  }

  byte(value: number): void {
    this.room(1);
    this.bytes[this.at++] = value;
  }

  raw(value: Uint8Array): void {
    this.room(value.length);
    this.bytes.set(value, this.at);
    this.at += value.length;
  }

  #grow(count: number): void {
    const used = this.at - this.#start;
    if (used + count > this.#most) {
      throw new WireFault("too-large", `more than ${this.#most} bytes`);
    }
    this.#renew(Math.max(SLAB, 2 * (used + count)), this.#start);
  }

  #renew(size: number, from: number): void {
    const next = Buffer.allocUnsafeSlow(size);
    next.set(this.bytes.subarray(from, this.at));
    this.at -= from;
    this.#start = 0;
    this.bytes = next;
  }
}
