import type { ProviderFactory } from "#provider";

/**
 * Providers by type. Each is loaded when the first of its type is configured: a device without MQTT or serial ports
 * spends no memory on them.
 */
export const PROVIDERS: Readonly<Record<string, () => Promise<ProviderFactory>>> = {
  mqtt: async () => (await import("./mqtt/index.ts")).createMqttProvider,
  serial: async () => (await import("./serial/index.ts")).createSerialProvider,
  modbus: async () => (await import("./serial/modbus/index.ts")).createModbusProvider,
  gpio: async () => (await import("./gpio/index.ts")).createGpioProvider,
  "keyvalue-sqlite": async () => (await import("./keyvalue/sqlite.ts")).createKeyValueSqliteProvider,
  "keyvalue-nats": async () => (await import("./keyvalue/nats/index.ts")).createKeyValueNatsProvider,
  "keyvalue-redis": async () => (await import("./keyvalue/redis/index.ts")).createKeyValueRedisProvider,
  "keyvalue-memory": async () => (await import("./keyvalue/memory.ts")).createKeyValueMemoryProvider,
  "blobstore-fs": async () => (await import("./blobstore/fs.ts")).createBlobstoreFsProvider,
  "blobstore-nats": async () => (await import("./blobstore/nats.ts")).createBlobstoreNatsProvider,
  outbox: async () => (await import("./outbox/index.ts")).createOutboxProvider,
  "messaging-nats": async () => (await import("./messaging/nats.ts")).createMessagingNatsProvider,
  "http-server": async () => (await import("./http-server/index.ts")).createHttpServerProvider,
  "http-client": async () => (await import("./http-client/index.ts")).createHttpClientProvider,
  timer: async () => (await import("./timer/index.ts")).createTimerProvider,
  "sql-postgres": async () => (await import("./sql/postgres.ts")).createSqlPostgresProvider,
  "sql-sqlite": async () => (await import("./sql/sqlite.ts")).createSqlSqliteProvider,
  i2c: async () => (await import("./i2c/index.ts")).createI2cProvider,
  sensors: async () => (await import("./sensors/index.ts")).createSensorsProvider,
  "messaging-memory": async () => (await import("./messaging/memory.ts")).createMessagingMemoryProvider,
};

/** Devices of this machine by hand, for the command line. */
export const loadGpioTools = async () => (await import("./gpio/tools.ts")).createGpioTools;
export type { ChipReport, GpioTools, LineLevel, WatchedEdge } from "./gpio/tools.ts";

/** Serial ports of this machine by hand, for the command line. */
export const loadSerialTools = async () => (await import("./serial/tools.ts")).createSerialTools;
export type { Framed, PortReport } from "./serial/tools.ts";

/** Providers of devices whose hardware is in memory, and the far ends of it: for trying components without any. */
export const loadPlayedDevices = async () => ({
  ...(await import("./gpio/played.ts")),
  ...(await import("./i2c/played.ts")),
  ...(await import("./serial/played.ts")),
  ...(await import("./serial/modbus/played.ts")),
  ...(await import("./serial/modbus/config.ts")),
  valueOf: (await import("./serial/modbus/values.ts")).valueOf,
});
