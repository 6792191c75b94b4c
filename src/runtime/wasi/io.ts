// wasi:io: pollables, and streams that never make a guest wait. Input is empty; output goes to a sink.

import type { WasiHost } from "./host.ts";
import { err, ok, type WasiResult } from "./result.ts";

// Guests ask how much they may write and then write at most that much.
const WRITE_BUDGET = 1n << 20n;

export class IoError {
  readonly #message: string;

  constructor(message: string) {
    this.#message = message;
  }

  toDebugString(): string {
    return this.#message;
  }
}

export type StreamError = { readonly tag: "last-operation-failed"; readonly val: IoError } | { readonly tag: "closed" };
type StreamResult<T> = WasiResult<T, StreamError>;

const CLOSED = err<StreamError>({ tag: "closed" });
// More is a fault of the guest: it was told the budget.
const OVER_BUDGET = "write exceeds what check-write allowed";

/** Something to wait for: ready at once, or at an instant of the monotonic clock, in nanoseconds. */
export interface Pollable {
  ready(): boolean;
  block(): Promise<void>;
  /** When it becomes ready; undefined when it is. */
  readonly readyAt: bigint | undefined;
}

export interface IoInterfaces {
  readonly Pollable: new (readyAt: bigint | undefined) => Pollable;
  readonly InputStream: new () => object;
  readonly OutputStream: new (sink: (bytes: Uint8Array) => void) => object;
  readonly poll: (pollables: readonly Pollable[]) => Promise<Uint32Array>;
}

/** The classes are made per instance, as the waiting ones need its host. */
export function createIo(host: Pick<WasiHost, "sleep">, now: () => bigint): IoInterfaces {
  class InstantPollable implements Pollable {
    readonly readyAt: bigint | undefined;

    constructor(readyAt: bigint | undefined) {
      this.readyAt = readyAt;
    }

    ready(): boolean {
      return this.readyAt === undefined || this.readyAt <= now();
    }

    async block(): Promise<void> {
      await waitForAny([this]);
    }
  }

  async function waitForAny(pollables: readonly Pollable[]): Promise<void> {
    while (!pollables.some((one) => one.ready())) {
      const first = pollables.reduce<bigint>((min, { readyAt }) => bigintMin(min, readyAt ?? 0n), FAR);
      await host.sleep(millisecondsUntil(first, now));
    }
  }

  async function poll(pollables: readonly Pollable[]): Promise<Uint32Array> {
    if (pollables.length === 0) throw new Error("poll of an empty list");
    await waitForAny(pollables);
    return Uint32Array.from(pollables.flatMap((one, index) => (one.ready() ? [index] : [])));
  }

  class InputStream {
    read(): StreamResult<Uint8Array> {
      return CLOSED;
    }
    blockingRead(): StreamResult<Uint8Array> {
      return CLOSED;
    }
    skip(): StreamResult<bigint> {
      return CLOSED;
    }
    blockingSkip(): StreamResult<bigint> {
      return CLOSED;
    }
    subscribe(): Pollable {
      return new InstantPollable(undefined);
    }
  }

  class OutputStream {
    readonly #sink: (bytes: Uint8Array) => void;

    constructor(sink: (bytes: Uint8Array) => void) {
      this.#sink = sink;
    }

    checkWrite(): StreamResult<bigint> {
      return ok(WRITE_BUDGET);
    }
    write(contents: Uint8Array): StreamResult<undefined> {
      if (contents.byteLength > WRITE_BUDGET) throw new Error(OVER_BUDGET);
      this.#sink(contents);
      return ok(undefined);
    }
    blockingWriteAndFlush(contents: Uint8Array): StreamResult<undefined> {
      return this.write(contents);
    }
    flush(): StreamResult<undefined> {
      return ok(undefined);
    }
    blockingFlush(): StreamResult<undefined> {
      return ok(undefined);
    }
    writeZeroes(length: bigint): StreamResult<undefined> {
      if (length > WRITE_BUDGET) throw new Error(OVER_BUDGET);
      return this.write(new Uint8Array(Number(length)));
    }
    blockingWriteZeroesAndFlush(length: bigint): StreamResult<undefined> {
      return this.writeZeroes(length);
    }
    // Every input stream there is is empty.
    splice(): StreamResult<bigint> {
      return CLOSED;
    }
    blockingSplice(): StreamResult<bigint> {
      return CLOSED;
    }
    subscribe(): Pollable {
      return new InstantPollable(undefined);
    }
  }

  return { Pollable: InstantPollable, InputStream, OutputStream, poll };
}

const FAR = 1n << 64n;
// Timers take at most 2^31 - 1 milliseconds; who waits longer wakes in between and waits again.
const LONGEST_TIMER = 2_147_483_647;

function millisecondsUntil(instant: bigint, now: () => bigint): number {
  const left = (instant - now() + 999_999n) / 1_000_000n;
  return Math.min(Math.max(Number(left), 0), LONGEST_TIMER);
}

function bigintMin(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
