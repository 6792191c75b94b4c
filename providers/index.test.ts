import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, test } from "vitest";
import { parse } from "yaml";
import { inboxServices } from "../test/support/inbox.ts";
import { providerDeps } from "../test/support/provider-rig.ts";
import { fillReferences, markReferences } from "../src/lib/secret-references.ts";
import { parseWitName } from "../src/domain/wit-name.ts";
import { PROVIDERS } from "./index.ts";

const folder = mkdtempSync(join(tmpdir(), "petiole-providers-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The least that each type needs. */
const CONFIGS: Readonly<Record<string, unknown>> = {
  mqtt: { broker: { listen: "127.0.0.1:0" } },
  serial: { ports: { p: { path: "/dev/nonexistent" } } },
  modbus: { buses: { b: { path: "/dev/nonexistent" } } },
  gpio: { chip: { backend: "simulated" }, lines: { l: { line: 0, direction: "input" } } },
  "keyvalue-sqlite": undefined,
  "keyvalue-nats": undefined,
  "keyvalue-redis": { url: "redis://127.0.0.1:1", connect_timeout: "50ms" },
  "keyvalue-memory": undefined,
  "blobstore-fs": { folder: join(folder, "blobs") },
  "blobstore-nats": undefined,
  outbox: undefined,
  "messaging-nats": undefined,
  "http-server": { listen: "127.0.0.1:0" },
  "http-client": undefined,
  timer: undefined,
  "sql-postgres": { host: "127.0.0.1", port: 1, database: "d", user: "u", tls: false },
  "sql-sqlite": { file: join(folder, "test.db") },
  i2c: { bus: { backend: "simulated", devices: {} } },
  sensors: { sensors: { cpu: { hwmon: "cpu_thermal", channel: "temp1" } } },
  "messaging-memory": undefined,
};

/** Folders whose README has an example. */
const WITH_EXAMPLE = [
  "mqtt",
  "serial",
  "serial/modbus",
  "gpio",
  "keyvalue",
  "blobstore",
  "messaging",
  "http-server",
  "http-client",
  "timer",
  "sql",
  "i2c",
  "sensors",
];

describe("PROVIDERS", () => {
  test("has a configuration to test each with", ({ expect }) => {
    expect(Object.keys(CONFIGS)).toEqual(Object.keys(PROVIDERS));
  });

  for (const [type, load] of Object.entries(PROVIDERS)) {
    test(`${type} names its interfaces without version`, async ({ expect }) => {
      const provider = (await load())(providerDeps({ id: "mine" }));
      expect(provider.id).toBe("mine");
      const names = [provider.serves, provider.calls].flat();
      expect(names.length).toBeGreaterThan(0);
      for (const name of names.filter((one) => one !== "anything"))
        expect(parseWitName(name)).toMatchObject({ version: undefined });
    });

    test(`${type} starts, and can be disposed before, after and without a start, more than once`, async ({
      expect,
    }) => {
      const factory = await load();
      await using unused = factory(providerDeps());
      await unused[Symbol.asyncDispose]();
      await using provider = factory(providerDeps({ services: inboxServices() }));
      const config = provider.parseConfig(CONFIGS[type]);
      await provider.start(config, new AbortController().signal);
      await provider[Symbol.asyncDispose]();
      await provider[Symbol.asyncDispose]();
      await using aborted = factory(providerDeps());
      const reason = new Error("stopping");
      await expect(aborted.start(config, AbortSignal.abort(reason))).rejects.toBe(reason);
    });

    test(`${type} refuses keys that it does not know`, async ({ expect }) => {
      const provider = (await load())(providerDeps());
      const fault = { code: "ERR_PROVIDER_CONFIG" };
      expect(() => provider.parseConfig({ unknown_key: 1 })).toThrow(expect.objectContaining(fault) as Error);
      expect(() => provider.parseLinkConfig({ unknown_key: 1 })).toThrow(expect.objectContaining(fault) as Error);
      expect(() => provider.parseLinkConfig("text")).toThrow(expect.objectContaining(fault) as Error);
    });
  }
});

describe("examples in the README of each provider", () => {
  /** What the examples consist of. */
  interface Example {
    readonly providers: Readonly<Record<string, { readonly type: string; readonly config?: unknown }>>;
    readonly links?: readonly { readonly from: string; readonly to: string; readonly config?: unknown }[];
  }

  /** With a value in place of each secret. */
  const example = (text: string): Example => {
    const marked = markReferences(parse(text), (path, message) => {
      throw new Error(`${path.join(".")}: ${message}`);
    });
    return fillReferences(marked, () => "value") as Example;
  };

  test.for(WITH_EXAMPLE)("%s: are valid", async (name, { expect }) => {
    const readme = readFileSync(new URL(`${name}/README.md`, import.meta.url), "utf8");
    const blocks = [...readme.matchAll(/```yaml\n(.*?)```/gs)].map(([, text]) => example(text ?? ""));
    expect(blocks.length).toBeGreaterThan(0);
    for (const { providers, links = [] } of blocks) {
      const made = new Map(
        await Promise.all(
          Object.entries(providers).map(async ([id, { type, config }]) => {
            const provider = (await PROVIDERS[type]?.())?.(providerDeps({ id }));
            expect(provider, type).toBeDefined();
            provider?.parseConfig(config);
            return [id, provider] as const;
          }),
        ),
      );
      for (const { from, to, config } of links) {
        const provider = made.get(from) ?? made.get(to);
        expect(provider, `${from} to ${to}`).toBeDefined();
        provider?.parseLinkConfig(config);
      }
    }
  });
});
