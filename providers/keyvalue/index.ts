export { createKeyValueMemoryProvider } from "./memory.ts";
export { createKeyValueSqliteProvider } from "./sqlite.ts";
