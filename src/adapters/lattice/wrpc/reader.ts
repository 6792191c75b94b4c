import { TRUNCATED, WireFault } from "./faults.ts";

export interface ReadLimits {
  /** Bytes of one value on the wire. */
  readonly bytes: number;
  /** What a value may take on the heap, roughly, in bytes: a byte on the wire can become an object. */
  readonly heap: number;
}

/** Where the rest of a value that is sent on its own path comes from. */
export interface PartSource {
  /** Resolves to the next bytes, or to undefined when there are no more. */
  next(): Promise<Uint8Array | undefined>;
  /** Nobody wants the rest. */
  cancel(): void;
}

/** An async part of a value that was read. It is given its source when all of the value is there. */
export interface OpenPart {
  readonly path: string;
  begin(source: PartSource): void;
}

/** Reads one value. An attempt on bytes that are not all there throws TRUNCATED, and is made again with more of them. */
export class Reader {
  readonly bytes: Uint8Array;
  readonly end: number;
  at = 0;
  parts: OpenPart[] = [];
  readonly path: number[] = [];
  readonly limits: ReadLimits;
  /** How many bytes the next attempt needs at least; known after TRUNCATED. */
  wanted = 0;
  #heap: number;

  constructor(bytes: Uint8Array, limits: ReadLimits) {
    this.bytes = bytes;
    this.end = bytes.length;
    this.limits = limits;
    this.#heap = limits.heap;
  }

  /** @throws TRUNCATED unless `count` more bytes are there */
  need(count: number): void {
    if (this.at + count > this.end) this.#missing(count);
  }

  /** @throws WireFault when the value takes more than it may */
  charge(heap: number): void {
    this.#heap -= heap;
    if (this.#heap < 0) throw new WireFault("too-large", `it takes more than ${this.limits.heap} bytes of memory`);
  }

  byte(): number {
    if (this.at >= this.end) this.#missing(1);
    return this.bytes[this.at++] as number; // The line above looked.
  }

  /** Unsigned LEB128 of at most 32 bits. */
  count(): number {
    const first = this.byte();
    return first < 0x80 ? first : this.#longCount(first);
  }

  fault(message: string): WireFault {
    return new WireFault("malformed", `${message} at byte ${this.at}`);
  }

  #longCount(first: number): number {
    let value = first & 0x7f;
    for (let shift = 7; shift < 28; shift += 7) {
      const next = this.byte();
      value |= (next & 0x7f) << shift;
      if (next < 0x80) return value >>> 0;
    }
    const last = this.byte();
    if (last > 0x0f) throw this.fault("an integer of more than 32 bits");
    return (value | (last << 28)) >>> 0;
  }

  #missing(count: number): never {
    this.wanted = this.at + count;
    if (this.wanted > this.limits.bytes) {
      throw new WireFault("too-large", `it takes ${this.wanted} bytes or more, of at most ${this.limits.bytes}`);
    }
    throw TRUNCATED;
  }
}
