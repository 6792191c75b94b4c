// How many stacks V8 holds for suspended calls, and how many it lost.
//
// A call that may be suspended runs on a stack of its own. V8 keeps stacks that are free for later ones, up to 4 MiB
// together. One beyond that costs a dozen times what the call does, and V8 gives it up without giving its address space
// back (v14.6 decommits it and keeps the mapping): a process that has many suspended calls at a time, again and again,
// runs out of address space in the end, and then V8 aborts it. So more than fit in the pool are used only when those in
// use are held up, and only while few were lost.

import type { StackBounds } from "./protocol.ts";

const POOL_BYTES = 4 * 1024 ** 2;
// Guard pages and what a stack is rounded up to.
const OVERHEAD = 16 * 1024;

/** Milliseconds after which calls count as held up when none of them ends. */
export const PATIENCE = 5;

/** Follows V8's pool of one worker. */
export class StackPool {
  readonly #bounds: StackBounds;
  readonly #lost: Int32Array;
  readonly #capacity: number;
  #used = 0;
  #free = 0;
  #progressAt = 0;

  constructor(bounds: StackBounds) {
    this.#bounds = bounds;
    this.#lost = new Int32Array(bounds.lost);
    this.#capacity = Math.max(1, Math.floor(POOL_BYTES / (bounds.stackSize + OVERHEAD)));
  }

  /**
   * How long a turn has to wait for a stack, unless one comes back before: 0 when it may have one now. `first`: its
   * component has none. That one is not refused for what others hold, also beyond `maxTurns`, as each instance has
   * reserved address space for a stack. Only once too many were lost there may be none left even so: then half of what
   * V8 keeps is for those.
   */
  wait(now: number, first: boolean): number {
    const { maxTurns, maxLost } = this.#bounds;
    const scarce = Atomics.load(this.#lost, 0) >= maxLost;
    const kept = Math.min(this.#capacity, maxTurns);
    if (this.#used < (scarce && !first ? Math.ceil(kept / 2) : kept)) return 0;
    // One that V8 has kept is no further one.
    if (first && this.#free > 0) return 0;
    if (scarce || (this.#used >= maxTurns && !first)) return Infinity;
    return Math.max(0, this.#progressAt + PATIENCE - now);
  }

  take(now: number): void {
    if (this.#used < this.#capacity) this.#progressAt = now;
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
  lose(now: number): void {
    this.#used--;
    this.#progressAt = now;
    Atomics.add(this.#lost, 0, 1);
  }

  giveBack(now: number): void {
    this.#used--;
    this.#progressAt = now;
    this.#free++;
  }
}
