import type { z } from "zod";
import { executableConfig, executableLinkConfig } from "../../src/adapters/lattice/executable/provider-config.ts";
import * as blobstore from "../../providers/blobstore/config.ts";
import * as gpio from "../../providers/gpio/config.ts";
import * as httpClient from "../../providers/http-client/config.ts";
import * as httpServer from "../../providers/http-server/config.ts";
import * as i2c from "../../providers/i2c/config.ts";
import { PROVIDERS } from "../../providers/index.ts";
import * as keyvalue from "../../providers/keyvalue/config.ts";
import * as messaging from "../../providers/messaging/config.ts";
import * as mqtt from "../../providers/mqtt/config.ts";
import { linkSchema as mqttLink } from "../../providers/mqtt/link-config.ts";
import * as outbox from "../../providers/outbox/config.ts";
import * as sensors from "../../providers/sensors/config.ts";
import * as serial from "../../providers/serial/config.ts";
import * as modbus from "../../providers/serial/modbus/config.ts";
import * as sql from "../../providers/sql/config.ts";
import * as timer from "../../providers/timer/config.ts";
import { head, table } from "./markdown.ts";
import { keysOf, type Key } from "./schema-keys.ts";

export interface ProviderKeys {
  readonly type: string;
  /** The pages that say what the keys mean; below the repository. */
  readonly pages: readonly string[];
  readonly provider: readonly Key[];
  readonly link: readonly Key[];
}

const SCHEMAS: Readonly<Record<string, readonly [pages: string, provider: z.ZodType, link: z.ZodType]>> = {
  mqtt: ["providers/mqtt/README.md", mqtt.mqttSchema, mqttLink],
  serial: ["providers/serial/README.md", serial.serialSchema, serial.linkSchema],
  modbus: ["providers/serial/modbus/README.md providers/serial/README.md", modbus.modbusSchema, modbus.linkSchema],
  gpio: ["providers/gpio/README.md", gpio.gpioSchema, gpio.linkSchema],
  "keyvalue-sqlite": ["providers/keyvalue/README.md", keyvalue.sqliteSchema, keyvalue.linkSchema],
  "keyvalue-memory": ["providers/keyvalue/README.md", keyvalue.memorySchema, keyvalue.linkSchema],
  "keyvalue-nats": ["providers/keyvalue/README.md", keyvalue.natsSchema, keyvalue.linkSchema],
  "keyvalue-redis": ["providers/keyvalue/README.md", keyvalue.redisSchema, keyvalue.linkSchema],
  "blobstore-fs": ["providers/blobstore/README.md", blobstore.fsSchema, blobstore.linkSchema],
  "blobstore-nats": ["providers/blobstore/README.md", blobstore.natsSchema, blobstore.linkSchema],
  outbox: ["providers/outbox/README.md", outbox.outboxSchema, outbox.linkSchema],
  "messaging-nats": ["providers/messaging/README.md", messaging.natsSchema, messaging.natsLinkSchema],
  "messaging-memory": ["providers/messaging/README.md", messaging.memorySchema, messaging.memoryLinkSchema],
  "sql-postgres": ["providers/sql/README.md", sql.postgresSchema, sql.linkSchema],
  "sql-sqlite": ["providers/sql/README.md", sql.sqliteSchema, sql.linkSchema],
  "http-server": ["providers/http-server/README.md", httpServer.httpSchema, httpServer.linkSchema],
  "http-client": ["providers/http-client/README.md", httpClient.clientSchema, httpClient.linkSchema],
  timer: ["providers/timer/README.md", timer.timerSchema, timer.linkSchema],
  i2c: ["providers/i2c/README.md", i2c.i2cSchema, i2c.linkSchema],
  sensors: ["providers/sensors/README.md", sensors.sensorsSchema, sensors.linkSchema],
  executable: ["docs/providers.md", executableConfig, executableLinkConfig],
};

/** Types of providers that are not described here. */
export const undescribedProviders = (): string[] =>
  Object.keys(PROVIDERS).filter((type) => SCHEMAS[type] === undefined);

export const providerKeys = (): ProviderKeys[] =>
  Object.entries(SCHEMAS).map(([type, [pages, provider, link]]) => ({
    type,
    pages: pages.split(" "),
    provider: keysOf(provider),
    link: keysOf(link),
  }));

export function providersPage(): string {
  return [
    head(
      "Keys of providers",
      "the providers' schemas",
      "What each type of provider takes as `providers.<name>.config`, and as `links[].config` of its links: types, limits and\ndefaults. What they mean is in the page that each one links to. Durations, sizes and paths are as in\n[configuration.md](configuration.md).",
    ),
    ...providerKeys().flatMap(({ type, pages, provider, link }) => [
      `## ${type}\n`,
      `Explained in ${pages.map((page) => `[${page}](../../${page})`).join(" and ")}.\n`,
      ...keyTable("Of the provider", provider),
      ...keyTable("Of a link", link),
    ]),
  ].join("\n");
}

const keyTable = (title: string, keys: readonly Key[]): string[] =>
  keys.length === 0
    ? [`${title}: no keys.\n`]
    : [
        table(
          [title.toLowerCase(), "takes", "default"],
          keys.map(({ path, type, fallback }) => [`\`${path}\``, type, fallback ?? "required"]),
        ),
      ];
