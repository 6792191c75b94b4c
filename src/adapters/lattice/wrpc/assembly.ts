import { TRUNCATED, WireFault } from "./faults.ts";
import { Reader, type OpenPart, type ReadLimits } from "./reader.ts";

export interface Assembled<T> {
  readonly value: T;
  readonly parts: readonly OpenPart[];
}

/** Attempts may read so much again for each byte that came: else a value in tiny pieces would be read without end. */
const EFFORT = 8;
const EFFORT_FREE = 1024 * 1024;

/** Puts the pieces of values together that messages cut anywhere. */
export class Assembly {
  readonly #limits: ReadLimits;
  #bytes: Uint8Array = new Uint8Array();
  // Where more can be appended; undefined while the bytes are those of a message.
  #store: Uint8Array | undefined;
  #wanted = 0;
  #received = 0;
  #effort = 0;

  constructor(limits: ReadLimits) {
    this.#limits = limits;
  }

  /** Bytes that no value has taken. */
  get length(): number {
    return this.#bytes.length;
  }

  /** @throws WireFault */
  push(piece: Uint8Array): void {
    const used = this.#bytes.length;
    const length = used + piece.length;
    if (length > this.#limits.bytes) {
      throw new WireFault("too-large", `it takes more than ${this.#limits.bytes} bytes`);
    }
    this.#received += piece.length;
    if (used === 0) {
      this.#bytes = piece;
      this.#store = undefined;
      return;
    }
    const offset = this.#store === undefined ? 0 : this.#bytes.byteOffset - this.#store.byteOffset;
    let store = this.#store;
    let begin = offset;
    if (store === undefined || offset + length > store.length) {
      store = Buffer.allocUnsafeSlow(Math.max(1024, 2 * length));
      store.set(this.#bytes);
      begin = 0;
    }
    store.set(piece, begin + used);
    this.#store = store;
    this.#bytes = store.subarray(begin, begin + length);
  }

  /**
   * Reads a value, or returns undefined when it is not all there. `last`: nothing more will come.
   * @throws WireFault
   */
  take<T>(read: (input: Reader) => T, last: boolean): Assembled<T> | undefined {
    const { length } = this.#bytes;
    if (!last && (length < this.#wanted || this.#effort > EFFORT * this.#received + EFFORT_FREE)) return undefined;
    const input = new Reader(this.#bytes, this.#limits);
    try {
      const value = read(input);
      this.#bytes = this.#bytes.subarray(input.at);
      this.#wanted = 0;
      return { value, parts: input.parts };
    } catch (error) {
      if (error !== TRUNCATED) throw error;
      this.#wanted = input.wanted;
      this.#effort += length;
      return undefined;
    }
  }
}
