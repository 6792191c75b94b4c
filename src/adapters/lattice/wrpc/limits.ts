import { mebibytes, millis, minutes, seconds, type Bytes, type Millis } from "../../../domain/units.ts";
import type { ReadLimits } from "./reader.ts";

/** Bounds of calls between hosts. */
export interface CallLimits {
  /** Of the parameters or of the results of a call, of one piece of a stream, and of what waits to be read from streams. */
  readonly value: Bytes;
  /**
   * Of all parameters and results that are not complete, and of streams of parameters that wait to be read: together, for
   * one client or server.
   */
  readonly total: Bytes;
  /** What parameters or results may take in memory. */
  readonly memory: Bytes;
  /** Until the results of a call are there. */
  readonly call: Millis;
  /** Until the parameters of an accepted call are there. */
  readonly params: Millis;
  /** Without a sign of a stream or future that is waited for. */
  readonly idle: Millis;
}

export const CALL_LIMITS: CallLimits = {
  value: mebibytes(16),
  total: mebibytes(64),
  memory: mebibytes(64),
  call: seconds(10),
  params: seconds(10),
  idle: minutes(10),
};

export function readLimits({ value, memory }: CallLimits): ReadLimits {
  return { bytes: value, heap: memory };
}

/** Bytes that several calls hold together. */
export class ByteBudget {
  #left: number;

  constructor(limit: Bytes) {
    this.#left = limit;
  }

  /** False when there is no room for them. */
  take(count: number): boolean {
    if (count > this.#left) return false;
    this.#left -= count;
    return true;
  }

  give(count: number): void {
    this.#left += count;
  }
}

/** A timer that does not keep the process alive. */
export function after(duration: Millis, action: () => void): Disposable {
  const timer = setTimeout(action, millis(Math.min(duration, 2 ** 31 - 1)));
  timer.unref();
  return { [Symbol.dispose]: () => clearTimeout(timer) };
}
