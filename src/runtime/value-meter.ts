// How large the values may be that are sent to a worker. Its heap is full before a guest sees what is too large for it,
// and then it takes with it whatever else lives there.

import type { Bytes } from "../domain/units.ts";

export interface ValueBounds {
  /** What strings and lists of numbers have to fit in: the component's memory. */
  readonly memory: Bytes;
  /** The heap of the worker. */
  readonly heap: Bytes;
}

/** Values are too large; the message says for what. */
export class OversizedValue extends Error {
  override readonly name = "OversizedValue";
}

// What one call, or one answer to a guest, may take of a worker's heap. There is more in it, of others too.
const HEAP_SHARE = 1 / 4;

/** Adds up the parts of the values of one message. */
export class ValueMeter {
  readonly #memory: number;
  readonly #heap: number;
  #bytes = 0;
  #taken = 0;

  constructor({ memory, heap }: ValueBounds) {
    this.#memory = memory;
    this.#heap = Math.floor(heap * HEAP_SHARE);
  }

  /** Begins with the values of another message. */
  reset(): void {
    this.#bytes = 0;
    this.#taken = 0;
  }

  /** For ConvertOptions. @throws OversizedValue as soon as it is too much */
  readonly measure = (bytes: number, heap: number): void => {
    this.#bytes += bytes;
    this.#taken += heap;
    if (this.#bytes > this.#memory) throw new OversizedValue(`do not fit in its memory of ${this.#memory} bytes`);
    if (this.#taken > this.#heap) {
      throw new OversizedValue(`take more than ${this.#heap} bytes of the heap of its worker`);
    }
  };
}
