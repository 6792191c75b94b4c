export { createMessagingMemoryProvider } from "./memory.ts";
export { createMessagingNatsProvider } from "./nats.ts";
