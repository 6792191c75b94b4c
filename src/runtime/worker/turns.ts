// Which guest code a worker executes, visible to the main thread at any moment, also while the worker is stuck in it.
//
// A turn is one call of a guest function or the start of an instance; its number is unique in the process and never 0.
// `current` (one per worker) holds the turn whose code runs now, 0 between turns. `starts` (one per instance) holds
// when the instance's turn began, and which it is.

const TURN = 0;
const STARTED_AT = 1;

export const createCurrent = (): SharedArrayBuffer => new SharedArrayBuffer(8);
export const createStarts = (): SharedArrayBuffer => new SharedArrayBuffer(16);

/** The turn that runs now, 0 when none does. */
export function readCurrent(current: SharedArrayBuffer): number {
  return Number(Atomics.load(new BigInt64Array(current), 0));
}

/** When `turn` began, in nanoseconds of the monotonic clock; undefined when it has not begun. */
export function readStart(starts: SharedArrayBuffer, turn: number): bigint | undefined {
  const cells = new BigInt64Array(starts);
  return Atomics.load(cells, TURN) === BigInt(turn) ? Atomics.load(cells, STARTED_AT) : undefined;
}

/** The worker's side. */
export class TurnMarker {
  readonly #current: BigInt64Array;

  constructor(current: SharedArrayBuffer) {
    this.#current = new BigInt64Array(current);
  }

  begin(starts: SharedArrayBuffer, turn: number): void {
    const cells = new BigInt64Array(starts);
    Atomics.store(cells, STARTED_AT, process.hrtime.bigint());
    Atomics.store(cells, TURN, BigInt(turn));
    this.resume(turn);
  }

  /** The turn's code runs again, after `suspend`. */
  resume(turn: number): void {
    Atomics.store(this.#current, 0, BigInt(turn));
  }

  /** The turn waits or has ended. */
  suspend(): void {
    Atomics.store(this.#current, 0, 0n);
  }
}
