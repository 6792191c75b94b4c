// Which guest code a worker executes, visible to the main thread at any moment, also while the worker is stuck in it.
//
// `current` (one per worker) holds the instance whose code runs now, 0 when none does. The cells of a group hold the
// turn that began last, and for each place the turn that its instance has (0 none) and when that began. Numbers of
// turns go round within their range, times are milliseconds of the monotonic clock modulo 2^32.

export const NO_TURN = 0;
/** In place of a turn while the instance starts. */
export const STARTING = -1;

const LAST_TURN = 2 ** 30;
const BEGUN = 0;
const FIRST_PLACE = 1;

export const createCurrent = (): SharedArrayBuffer => new SharedArrayBuffer(4);
export const createCells = (places: number): SharedArrayBuffer => new SharedArrayBuffer(4 * (FIRST_PLACE + 2 * places));

export function nextTurn(turn: number): number {
  return turn >= LAST_TURN ? 1 : turn + 1;
}

/** What an instance does. */
export interface PlaceState {
  /** NO_TURN, STARTING, or a turn. */
  readonly turn: number;
  /** Milliseconds since it began. */
  readonly elapsed: number;
}

/** The main thread's side. */
export class CellReader {
  readonly #cells: Int32Array;

  constructor(cells: SharedArrayBuffer) {
    this.#cells = new Int32Array(cells);
  }

  /** True when an instance has begun `turn`, or one that was sent after it. */
  begun(turn: number): boolean {
    const last = Atomics.load(this.#cells, BEGUN);
    return last !== NO_TURN && (last - turn + LAST_TURN) % LAST_TURN < LAST_TURN / 2;
  }

  place(place: number, now: number): PlaceState {
    const at = FIRST_PLACE + 2 * place;
    for (;;) {
      const turn = Atomics.load(this.#cells, at);
      const startedAt = Atomics.load(this.#cells, at + 1);
      // Otherwise the time may be another turn's.
      if (Atomics.load(this.#cells, at) === turn) return { turn, elapsed: (Math.floor(now) - startedAt) >>> 0 };
    }
  }

  /** Forgets what an instance did that had the place before. */
  clear(place: number): void {
    Atomics.store(this.#cells, FIRST_PLACE + 2 * place, NO_TURN);
  }
}

/** The worker's side. */
export class CellWriter {
  readonly #cells: Int32Array;

  constructor(cells: SharedArrayBuffer) {
    this.#cells = new Int32Array(cells);
  }

  begin(place: number, turn: number, now: number): void {
    const at = FIRST_PLACE + 2 * place;
    Atomics.store(this.#cells, at + 1, Math.floor(now) | 0);
    Atomics.store(this.#cells, at, turn);
    if (turn !== STARTING) Atomics.store(this.#cells, BEGUN, turn);
  }

  end(place: number): void {
    Atomics.store(this.#cells, FIRST_PLACE + 2 * place, NO_TURN);
  }
}
