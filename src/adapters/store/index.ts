export { openStore, type Store } from "./store.ts";
export { createMemoryStore } from "./memory-store.ts";
export type { OutboxOptions } from "./options.ts";
