// How many stacks V8 holds for suspended calls, and how many it lost.
//
// A call that may be suspended runs on a stack of its own. V8 keeps stacks that are free for later ones, up to 4 MiB
// together; those beyond it gives up without giving their address space back (v14.6 decommits them and keeps the
// mapping), so a process that has many suspended calls at a time, again and again, runs out of address space in the
// end, and then V8 aborts it. So beyond what the pool holds, stacks are used only while few were lost.

import type { StackBounds } from "./protocol.ts";

const POOL_BYTES = 4 * 1024 ** 2;
// Guard pages and what a stack is rounded up to.
const OVERHEAD = 16 * 1024;

/** Follows V8's pool of one worker. */
export class StackPool {
  readonly #bounds: StackBounds;
  readonly #lost: Int32Array;
  readonly #capacity: number;
  #used = 0;
  #free = 0;

  constructor(bounds: StackBounds) {
    this.#bounds = bounds;
    this.#lost = new Int32Array(bounds.lost);
    this.#capacity = Math.max(1, Math.floor(POOL_BYTES / (bounds.stackSize + OVERHEAD)));
  }

  /** False when a turn has to wait until another one ends. */
  get available(): boolean {
    const { maxTurns, maxLost } = this.#bounds;
    if (this.#used >= maxTurns) return false;
    return this.#used < this.#capacity || Atomics.load(this.#lost, 0) < maxLost;
  }

  take(): void {
    // V8 shrinks its pool when the next stack is taken, not when one comes back.
    const surplus = this.#free - this.#capacity;
    if (surplus > 0) {
      Atomics.add(this.#lost, 0, surplus);
      this.#free = this.#capacity;
    }
    if (this.#free > 0) this.#free--;
    this.#used++;
  }

  /** A stack is suspended for ever. */
  lose(): void {
    this.#used--;
    Atomics.add(this.#lost, 0, 1);
  }

  giveBack(): void {
    this.#used--;
    this.#free++;
  }
}
