// Decides which guest code runs next in the worker. At most one guest is *active*: it runs, or is about to in one of
// the microtasks that are queued. The next one is let in when it waits or has ended, so that time is accounted to
// whoever spent it, and the main thread always knows whom to blame. Sources take turns, so that none of them has to wait
// for all that another one has to do.

import type { StackPool } from "./stack-pool.ts";

/** An instance, as far as the scheduler has to do with it. */
export interface Runnable {
  readonly source: TurnSource;
  /** Begins the turn that it was given. */
  run(): void;
  enter(): void;
  leave(): void;
}

/** Has turns that wait to begin. */
export interface TurnSource {
  /** An instance that has been given its next turn; undefined when there is none, or no instance is free. */
  next(): Runnable | undefined;
  /** True when there may be one. */
  readonly ready: boolean;
}

interface SourceState {
  readonly resumptions: (() => void)[];
  /** Turns of it that hold one. */
  stacks: number;
}

// How long guests may keep the event loop waiting by turns that end at once, in milliseconds.
const SLICE = 2;
// How long the guests of one source go first, in milliseconds: what they say is sent together.
const STAY = 0.5;

export class Scheduler {
  readonly #stacks: StackPool;
  readonly #clock: () => number;
  readonly #flush: () => void;
  /** Sources that may have something to do; whose guest was let in goes to the end. */
  readonly #order = new Set<TurnSource>();
  readonly #states = new WeakMap<TurnSource, SourceState>();
  #active: Runnable | undefined;
  /** Whose guests go first, and until when. */
  #staying: TurnSource | undefined;
  #stayEnd = 0;
  #looping = false;
  #settling = false;
  #sliceEnd = 0;
  #timer: NodeJS.Timeout | undefined;

  /**
   * `flush` is called when what guests have said is to wait no longer: before the event loop is reached, and before a
   * guest is let in that is another source's. That one may compute until the worker is ended.
   */
  constructor(stacks: StackPool, clock: () => number, flush: () => void) {
    this.#stacks = stacks;
    this.#clock = clock;
    this.#flush = flush;
  }

  /** Called from the event loop, where no guest code can be running. */
  enterLoop(): void {
    this.#sliceEnd = this.#clock() + SLICE;
    this.#staying = undefined;
    this.#active?.leave();
    this.#active = undefined;
  }

  /** `source` has become ready. */
  announce(source: TurnSource): void {
    this.#order.add(source);
  }

  withdraw(source: TurnSource): void {
    this.#order.delete(source);
  }

  /** Lets `guest` go on: `resume` settles what it waits for. */
  resume(guest: Runnable, resume: () => void): void {
    const { source } = guest;
    this.#state(source).resumptions.push(() => {
      this.#activate(guest);
      resume();
    });
    this.#order.add(source);
    this.#nextSoon();
  }

  /** The guest's code waits. Called from within it. */
  suspended(guest: Runnable): void {
    if (this.#active !== guest) return;
    guest.leave();
    this.#active = undefined;
    this.#nextSoon();
  }

  /** The guest's turn has ended. */
  ended(guest: Runnable, heldStack: boolean): void {
    if (heldStack) {
      this.#state(guest.source).stacks--;
      this.#stacks.giveBack(this.#clock());
    }
    if (this.#active === guest) {
      guest.leave();
      this.#active = undefined;
    }
    this.#nextSoon();
  }

  /** The turn of a guest that was given up will not end. */
  abandoned(guest: Runnable): void {
    this.#state(guest.source).stacks--;
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
    if (this.#order.size > 0) this.#settle();
  }

  #step(): boolean {
    if (this.#order.size === 0) return false;
    const now = this.#clock();
    if (now >= this.#sliceEnd) {
      this.#flush();
      this.#settle();
      return false;
    }
    const staying = this.#staying;
    if (staying !== undefined && now < this.#stayEnd && this.#order.has(staying) && this.#letIn(staying, now) === 0) {
      return true;
    }
    let soonest = Infinity;
    for (const source of this.#order) {
      const wait = this.#letIn(source, now);
      if (wait === 0) return true;
      soonest = Math.min(soonest, wait);
    }
    this.#runIn(soonest);
    return false;
  }

  /** Lets a guest of the source run: 0. Otherwise how long none can, unless something happens before. */
  #letIn(source: TurnSource, now: number): number {
    const state = this.#state(source);
    const resumption = state.resumptions.shift();
    if (resumption !== undefined) {
      this.#toEnd(source);
      resumption();
      return 0;
    }
    if (!source.ready) {
      this.#order.delete(source);
      return Infinity;
    }
    // Who waits for a stack keeps its place, and has the next one that it may have.
    const wait = this.#stacks.wait(now, state.stacks === 0);
    if (wait > 0) return wait;
    const guest = source.next();
    if (guest === undefined) return Infinity;
    this.#stacks.take(now);
    state.stacks++;
    this.#toEnd(source);
    this.#activate(guest);
    guest.run();
    return 0;
  }

  /** The guest's code begins to run. */
  #activate(guest: Runnable): void {
    const now = this.#clock();
    if (guest.source !== this.#staying || now >= this.#stayEnd) {
      this.#flush();
      this.#staying = guest.source;
      this.#stayEnd = now + STAY;
    }
    this.#active = guest;
    guest.enter();
  }

  #toEnd(source: TurnSource): void {
    this.#order.delete(source);
    // One with nothing to do would have the event loop reached for nothing.
    if (source.ready || this.#state(source).resumptions.length > 0) this.#order.add(source);
  }

  #state(source: TurnSource): SourceState {
    let state = this.#states.get(source);
    if (state === undefined) {
      state = { resumptions: [], stacks: 0 };
      this.#states.set(source, state);
    }
    return state;
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
