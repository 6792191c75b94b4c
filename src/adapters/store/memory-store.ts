import { randomUUID } from "node:crypto";
import { silentLogger } from "../../lib/log.ts";
import { systemClock, type Clock } from "../../lib/clock.ts";
import { createMemoryKeyValue, createMemoryState } from "./memory-key-value.ts";
import { createMemoryOutbox } from "./memory-outbox.ts";
import { DEFAULT_MAX_BYTES, maxMessageOf, type OutboxOptions } from "./options.ts";
import { createReaders } from "./readers.ts";
import type { Store } from "./store.ts";

export interface MemoryStoreOptions {
  readonly clock?: Clock;
  readonly outbox?: Partial<OutboxOptions>;
}

/** A store that forgets everything with the process; for tests and simulation. Follows the rules of the real one. */
export function createMemoryStore(options: MemoryStoreOptions = {}): Store {
  const outbox = { maxBytes: DEFAULT_MAX_BYTES, ...options.outbox };
  return {
    outbox: createMemoryOutbox({
      clock: options.clock ?? systemClock,
      cap: outbox.maxBytes,
      maxMessage: maxMessageOf(outbox),
      storeId: randomUUID(),
      bootId: randomUUID(),
      readers: createReaders(silentLogger),
    }),
    keyValue: createMemoryKeyValue(),
    state: createMemoryState(),
    flush: async () => {},
    [Symbol.asyncDispose]: async () => {},
  };
}
