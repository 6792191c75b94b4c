// The handles of one component instance. Entries are kept by column, so that a handle costs no object, and those that
// are given up are used again.

import { trap } from "./abi-errors.ts";

/** Handles there may be at a time: what a component that never drops them may cost the host. */
export const MAX_HANDLES = 2 ** 18;

const FREE = 0;
const OWN = 1;
const BORROW = 2;

/** @throws GuestTrap from every method when the component uses a handle that it does not have */
export class HandleTable {
  // Handles count from 1.
  readonly #states: number[] = [FREE];
  /** Number of the resource; of a free entry, the next free one. */
  readonly #resources: number[] = [0];
  readonly #representations: unknown[] = [undefined];
  /** Handles whose resource is lent while the arguments of one call are taken from the component. */
  readonly #lent: number[] = [];
  #free = 0;
  #borrows = 0;

  /** A new handle that owns the resource. */
  own(resource: number, representation: unknown): number {
    return this.#add(OWN, resource, representation);
  }

  /** A new handle that the component has to drop before its call ends. */
  borrow(resource: number, representation: unknown): number {
    const handle = this.#add(BORROW, resource, representation);
    this.#borrows++;
    return handle;
  }

  representation(resource: number, handle: number): unknown {
    this.#check(resource, handle);
    return this.#representations[handle];
  }

  /** Like representation(); the handle cannot be given away before endLending(). */
  lend(resource: number, handle: number): unknown {
    const representation = this.representation(resource, handle);
    this.#lent.push(handle);
    return representation;
  }

  endLending(): void {
    this.#lent.length = 0;
  }

  /** The component gives the resource away. */
  take(resource: number, handle: number): unknown {
    this.#check(resource, handle);
    if (this.#states[handle] !== OWN) trap(`handle ${handle} is borrowed and cannot be given away`);
    if (this.#lent.includes(handle)) trap(`handle ${handle} is lent and cannot be given away`);
    return this.#remove(handle);
  }

  /** The component drops the handle. Undefined when it did not own the resource. */
  drop(resource: number, handle: number): unknown {
    this.#check(resource, handle);
    if (this.#states[handle] === OWN) return this.#remove(handle);
    this.#borrows--;
    this.#remove(handle);
    return undefined;
  }

  /** To be called at the end of each call of the component. */
  checkBorrows(): void {
    if (this.#borrows !== 0) trap(`${this.#borrows} borrowed handles were left at the end of the call`);
  }

  #check(resource: number, handle: number): void {
    const state = this.#states[handle];
    if (state === undefined || state === FREE) trap(`there is no handle ${handle}`);
    if (this.#resources[handle] !== resource) trap(`handle ${handle} is one of another resource`);
  }

  #add(state: number, resource: number, representation: unknown): number {
    let handle = this.#free;
    if (handle === 0) {
      handle = this.#states.length;
      if (handle > MAX_HANDLES) trap(`there are more than ${MAX_HANDLES} handles`);
    } else this.#free = this.#resources[handle] ?? 0;
    this.#states[handle] = state;
    this.#resources[handle] = resource;
    this.#representations[handle] = representation;
    return handle;
  }

  #remove(handle: number): unknown {
    const representation = this.#representations[handle];
    this.#states[handle] = FREE;
    this.#resources[handle] = this.#free;
    this.#representations[handle] = undefined;
    this.#free = handle;
    return representation;
  }
}
