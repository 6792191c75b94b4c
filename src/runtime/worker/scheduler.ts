// Decides which guest code runs next in the worker. At most one guest is *active*: it runs, or is about to in one of
// the microtasks that are queued. The next one is let in when it waits or has ended, so that time is accounted to
// whoever spent it, and the main thread always knows whom to blame.

import type { Guest } from "./guest.ts";
import type { StackPool } from "./stack-pool.ts";

/** Has turns that wait to begin. */
export interface TurnSource {
  /** An instance that has been given its next turn; undefined when there is none, or no instance is free. */
  next(): Guest | undefined;
  /** True when there may be one. */
  readonly ready: boolean;
}

// How long guests may keep the event loop waiting by turns that end at once, in milliseconds.
const SLICE = 2;

export class Scheduler {
  readonly #stacks: StackPool;
  readonly #clock: () => number;
  readonly #flush: () => void;
  readonly #sources = new Set<TurnSource>();
  #resumptions: (() => void)[] = [];
  #active: Guest | undefined;
  #looping = false;
  #settling = false;
  #sliceEnd = 0;
  #timer: NodeJS.Timeout | undefined;

  /** `flush` is called when the event loop is to be reached, with results on their way. */
  constructor(stacks: StackPool, clock: () => number, flush: () => void) {
    this.#stacks = stacks;
    this.#clock = clock;
    this.#flush = flush;
  }

  /** Called from the event loop, where no guest code can be running. */
  enterLoop(): void {
    this.#sliceEnd = this.#clock() + SLICE;
    this.#active?.leave();
    this.#active = undefined;
  }

  /** `source` has become ready. */
  announce(source: TurnSource): void {
    this.#sources.add(source);
  }

  withdraw(source: TurnSource): void {
    this.#sources.delete(source);
  }

  /** Lets `guest` go on: `resume` settles what it waits for. */
  resume(guest: Guest, resume: () => void): void {
    this.#resumptions.push(() => {
      this.activate(guest);
      resume();
    });
    this.#nextSoon();
  }

  /** The guest's code begins to run. */
  activate(guest: Guest): void {
    this.#active = guest;
    guest.enter();
  }

  /** The guest's code waits. Called from within it. */
  suspended(guest: Guest): void {
    if (this.#active !== guest) return;
    guest.leave();
    this.#active = undefined;
    this.#nextSoon();
  }

  /** The guest's turn has ended. */
  ended(guest: Guest, heldStack: boolean): void {
    if (heldStack) this.#stacks.giveBack(this.#clock());
    if (this.#active === guest) {
      guest.leave();
      this.#active = undefined;
    }
    this.#nextSoon();
  }

  /** The turn of a guest that was given up will not end. */
  abandoned(): void {
    this.#stacks.lose(this.#clock());
    this.#nextSoon();
  }

  /** Lets guests run until one of them needs a microtask, or time is up. */
  run(): void {
    if (this.#looping) return;
    this.#looping = true;
    try {
      while (this.#active === undefined && this.#step());
    } finally {
      this.#looping = false;
    }
    if (this.#active === undefined) {
      // Nothing more comes of this tick.
      this.#flush();
      return;
    }
    // A guest that waits for something without saying so must not keep the others out.
    if (this.#resumptions.length > 0 || this.#sources.size > 0) this.#settle();
  }

  #step(): boolean {
    if (this.#resumptions.length === 0 && this.#sources.size === 0) return false;
    if (this.#clock() >= this.#sliceEnd) {
      this.#flush();
      this.#settle();
      return false;
    }
    const resumption = this.#resumptions.shift();
    if (resumption !== undefined) {
      resumption();
      return true;
    }
    for (const source of this.#sources) {
      // The set keeps the order in which sources were added: each is served once, then it goes to the end.
      this.#sources.delete(source);
      if (!source.ready) continue;
      this.#sources.add(source);
      const now = this.#clock();
      const wait = this.#stacks.wait(now);
      if (wait > 0) {
        this.#runIn(wait);
        return false;
      }
      const guest = source.next();
      if (guest === undefined) continue;
      this.#stacks.take(now);
      this.activate(guest);
      guest.run();
      return true;
    }
    return false;
  }

  #nextSoon(): void {
    if (this.#looping) return;
    queueMicrotask(() => this.run());
  }

  /** For ever when only the end of a turn helps. */
  #runIn(wait: number): void {
    if (wait === Infinity || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.enterLoop();
      this.run();
    }, wait);
  }

  #settle(): void {
    if (this.#settling) return;
    this.#settling = true;
    setImmediate(() => {
      this.#settling = false;
      this.enterLoop();
      this.run();
    });
  }
}
