import { millis, type Clock, type Logger } from "#provider";
import type { Bus, Failure } from "./bus.ts";
import type { PollConfig } from "./config.ts";
import { planReads, sizeOf } from "./reads.ts";
import { valueOf } from "./values.ts";

export interface Reading {
  readonly name: string;
  readonly measure: string;
  readonly value: number | Failure;
}

/** What one round of a poll gave. */
export interface Batch {
  readonly bus: string;
  readonly poll: string;
  readonly unit: number;
  /** Monotonic nanoseconds when the round had ended. */
  readonly timestamp: bigint;
  /** Counts the rounds of the poll from 1. */
  readonly sequence: bigint;
  readonly readings: readonly Reading[];
}

export interface PollDeps {
  readonly name: string;
  readonly label: string;
  readonly config: PollConfig;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A table of registers that is read again and again, while somebody wants it. */
export interface Poll extends AsyncDisposable {
  attach(deliver: (batch: Batch) => void): Disposable;
}

export function createPoll({ name, label, config, bus, clock, log }: PollDeps): Poll {
  const reads = planReads(config);
  const listeners = new Set<(batch: Batch) => void>();
  const stopping = new AbortController();
  let sequence = 0n;
  let running: Promise<void> | undefined;
  /** The device did not answer in the last round: it is asked once then, not again and again. */
  let isSilent = false;

  const round = async (): Promise<readonly Reading[]> => {
    const values = Array.from<number | Failure | undefined>({ length: config.registers.length });
    let given: Failure | undefined;
    for (const { request, entries } of reads) {
      const outcome =
        given === undefined ? await bus.request(config.unit, request, isSilent ? 0 : undefined) : { failure: given };
      if ("failure" in outcome) {
        const { failure } = outcome;
        // A device that does not answer would cost the time limit once more for each request.
        if (failure.tag !== "exception" && failure.tag !== "garbled") given = failure;
        for (const { index } of entries) values[index] = failure;
        continue;
      }
      isSilent = false;
      const { bits, words } = outcome.values;
      for (const { index, at } of entries) {
        const register = config.registers[index];
        if (register === undefined) continue;
        const found = request.code <= 2 ? [Number(bits[at])] : words.slice(at, at + sizeOf(register));
        values[index] = valueOf(register, found);
      }
    }
    if (given !== undefined && !isSilent)
      log.warn("A Modbus device does not answer", { bus: label, unit: config.unit, poll: name, failure: given.tag });
    isSilent = given !== undefined;
    return config.registers.map(({ name: register, measure }, index) => ({
      name: register,
      measure,
      value: values[index] ?? { tag: "disconnected" },
    }));
  };

  const run = async (): Promise<void> => {
    // The line is being opened when an agent starts: that is no reason for a round without readings.
    await bus.whenOpened();
    let due = clock.monotonic();
    while (listeners.size > 0 && !stopping.signal.aborted) {
      const readings = await round();
      if (stopping.signal.aborted) return;
      sequence += 1n;
      const timestamp = clock.nanoseconds();
      const batch = { bus: label, poll: name, unit: config.unit, timestamp, sequence, readings };
      for (const deliver of listeners) deliver(batch);
      // Rounds that came due during a slow one are left out.
      const now = clock.monotonic();
      due = millis(due + config.every * Math.max(1, Math.ceil((now - due) / config.every)));
      await clock.sleep(millis(Math.max(0, due - now)), stopping.signal);
    }
  };

  const start = (): void => {
    running ??= run()
      .catch((err: unknown) => {
        if (!stopping.signal.aborted) log.error("A Modbus poll has ended", { bus: label, poll: name, err });
      })
      .finally(() => {
        running = undefined;
        // Somebody came while it was ending.
        if (listeners.size > 0 && !stopping.signal.aborted) start();
      });
  };

  return {
    attach(deliver) {
      listeners.add(deliver);
      start();
      return { [Symbol.dispose]: () => void listeners.delete(deliver) };
    },
    async [Symbol.asyncDispose]() {
      stopping.abort(new Error("The provider has stopped"));
      await running;
    },
  };
}
