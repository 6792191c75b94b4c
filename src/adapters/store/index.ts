export { openStore, type Store } from "./store.ts";
export { createMemoryStore, type MemoryStoreOptions } from "./memory-store.ts";
export type { OutboxOptions, StoreOptions } from "./options.ts";
export type { StateStore } from "./sqlite-key-value.ts";
