export { readBootId } from "./admission.ts";
export { createKeptVersions } from "./kept-versions.ts";
export { openStore, type Store } from "./store.ts";
export type { OutboxOptions } from "./options.ts";
export { warmStoreThread, type WarmThread } from "./worker-client.ts";
export { STORE_SCHEMA, tryStore } from "./schema.ts";
