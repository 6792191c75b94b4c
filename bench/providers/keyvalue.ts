// Reads and writes of a component through the key-value provider on the agent's database, against better-sqlite3 alone.

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import Database from "better-sqlite3";
import { createKeyValueSqliteProvider } from "../../providers/keyvalue/sqlite.ts";
import { openStore } from "../../src/adapters/store/index.ts";
import { mebibytes } from "../../src/domain/units.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLogger } from "../../src/lib/log.ts";
import type { ExportCaller, Provider, ProviderDeps } from "../../src/provider/contract.ts";
import { median, type Report } from "../frame.ts";
import { temporaryFolder } from "../runtime/subject.ts";
import { openDevice } from "./device.ts";

const ROUNDS = 5;
const INSTANCES = 16;
const LOAD = "petiole:bench-keyvalue/load";
const STORE = "wasi:keyvalue/store";
const VALUE = Buffer.alloc(100, 7);

export async function reportKeyValue(report: Report): Promise<void> {
  await using folder = await temporaryFolder();
  await using device = await openKeyValueDevice(folder.path);
  using database = openPlain(join(folder.path, "plain.db"));
  const groups = [
    {
      name: "read",
      plain: { operations: 20_000, run: async () => database.read(20_000) },
      subjects: {
        "component, one instance": { operations: 5000, run: async () => await device.read(5000) },
        [`component, ${INSTANCES} instances`]: {
          operations: INSTANCES * 500,
          run: async () => await Promise.all(each(() => device.read(500))),
        },
      },
    },
    {
      name: "durable write",
      plain: { operations: 300, run: async () => database.write(300) },
      subjects: {
        "component, one instance": { operations: 100, run: async () => await device.write(100) },
        [`component, ${INSTANCES} instances`]: {
          operations: INSTANCES * 50,
          run: async () => await Promise.all(each(() => device.write(50))),
        },
      },
    },
  ];
  for (const { name, plain, subjects } of groups) {
    const all = { "better-sqlite3 alone": plain, ...subjects };
    const rates = new Map<string, number[]>();
    for (const { run } of Object.values(all)) await run(); // Warms up.
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const [subject, { operations, run }] of Object.entries(all)) {
        const started = performance.now();
        await run();
        const rate = operations / ((performance.now() - started) / 1000);
        rates.set(subject, [...(rates.get(subject) ?? []), rate]);
      }
    }
    const [alone = 0] = [...rates.values()].map(median);
    for (const [subject, found] of rates) {
      const value = median(found);
      const ratio = subject === "better-sqlite3 alone" ? {} : { ratio: value / alone };
      report({ name: `${name}: ${subject}`, value, unit: "ops/s", ...ratio });
    }
  }
}

const each = (work: () => Promise<unknown>): Promise<unknown>[] => Array.from({ length: INSTANCES }, work);

interface KeyValueDevice extends AsyncDisposable {
  read(times: number): Promise<unknown>;
  write(times: number): Promise<unknown>;
}

async function openKeyValueDevice(folder: string): Promise<KeyValueDevice> {
  await using stack = new AsyncDisposableStack();
  const dir = join(folder, "state");
  await mkdir(dir);
  const outbox = { maxBytes: mebibytes(64) };
  const { keyValue } = stack.use(await openStore({ dir, log: silentLogger, clock: systemClock, outbox }));
  let call: ExportCaller | undefined;
  const caller = ({ id }: ProviderDeps): Provider => ({
    id,
    serves: [],
    calls: "anything",
    parseConfig: (raw) => raw,
    parseLinkConfig: (raw) => raw,
    start: async () => {},
    bind: async (link) => {
      ({ call } = link);
      return { functions: {}, [Symbol.asyncDispose]: async () => {} };
    },
    [Symbol.asyncDispose]: async () => {},
  });
  stack.use(
    await openDevice({
      component: "keyvalue",
      cacheDir: join(folder, "cache"),
      instances: INSTANCES,
      services: { keyValue },
      registry: {
        caller: async () => caller,
        "keyvalue-sqlite": async () => createKeyValueSqliteProvider,
      },
      providers: [
        { id: "caller", type: "caller", config: {} },
        { id: "store", type: "keyvalue-sqlite", config: {} },
      ],
      links: [
        { source: "caller", target: "keyvalue", interfaces: [LOAD], config: {} },
        { source: "keyvalue", target: "store", interfaces: [STORE], config: {} },
      ],
    }),
  );
  const owned = stack.move();
  return {
    read: async (times) => await call?.(LOAD, "read", [times]),
    write: async (times) => await call?.(LOAD, "write", [times]),
    [Symbol.asyncDispose]: async () => await owned.disposeAsync(),
  };
}

/** The same table, flushed to the disk with each write as the agent's is. */
function openPlain(file: string): Disposable & { read(times: number): void; write(times: number): void } {
  const database = new Database(file);
  database.pragma("journal_mode = WAL");
  database.pragma("synchronous = FULL");
  database.exec("CREATE TABLE kv (bucket TEXT, key TEXT, value BLOB, PRIMARY KEY (bucket, key)) STRICT, WITHOUT ROWID");
  const get = database.prepare("SELECT value FROM kv WHERE bucket = ? AND key = ?");
  const set = database.prepare("INSERT OR REPLACE INTO kv VALUES (?, ?, ?)");
  return {
    read: (times) => {
      for (let index = 0; index < times; index += 1) get.get("bench", "key-0");
    },
    write: (times) => {
      for (let index = 0; index < times; index += 1) set.run("bench", `key-${index % 100}`, VALUE);
    },
    [Symbol.dispose]: () => void database.close(),
  };
}
