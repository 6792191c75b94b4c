// A store outlives its process: what was promised is there after a reopen, nobody else gets in meanwhile, and the
// database is set up for a card that loses power.

import { copyFile, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "vitest";
import { openStore, type Store } from "../../../src/adapters/store/index.ts";
import { Engine } from "../../../src/adapters/store/engine.ts";
import { STORE_SCHEMA } from "../../../src/adapters/store/schema.ts";
import { openDatabase, type Database } from "../../../src/adapters/store/sqlite.ts";
import { kibibytes, seconds } from "../../../src/domain/units.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { silentLogger } from "../../../src/lib/log.ts";
import { laneOf, message, textOf } from "../../conformance/outbox.ts";
import { createStoreFolder, engineOptions } from "../../support/store.ts";
import { spawnWriter } from "./spawn-writer.ts";

const WINDOW = { rows: 1000, bytes: kibibytes(1024) };

describe("openStore()", () => {
  test("finds everything again after a clean close, buffered messages included", async ({ expect }) => {
    await using folder = await createStoreFolder();
    let id: string;
    {
      await using store = await folder.open({ lanes: { standard: { commitInterval: seconds(3600) } } });
      id = store.outbox.storeId;
      await store.outbox.publish(message("critical", "alarm"));
      for (const text of ["a", "b", "c"]) await store.outbox.publish(message("standard", text));
      await store.outbox.acknowledge("standard", 2, 40);
      await store.keyValue.set("bucket", "key", new TextEncoder().encode("value"));
      await store.keyValue.increment("bucket", "count", 41n);
      await store.state.save("desired", '{"components":[]}');
    }
    await using store = await folder.open();
    expect(store.outbox.storeId).toBe(id);
    expect((await store.outbox.read("critical", 0, WINDOW)).map(textOf)).toEqual(["alarm"]);
    const standard = await store.outbox.read("standard", 2, WINDOW);
    expect(standard.map((row) => [row.seq, textOf(row)])).toEqual([
      [3, "b"],
      [4, "c"],
    ]);
    expect(await store.outbox.acknowledged("standard")).toEqual({ seq: 2, hubSeq: 40 });
    expect(await store.outbox.stats()).toMatchObject({ lastSeq: 4 });
    expect(new TextDecoder().decode(await store.keyValue.get("bucket", "key"))).toBe("value");
    expect(await store.keyValue.increment("bucket", "count", 1n)).toBe(42n);
    expect(await store.state.load("desired")).toBe('{"components":[]}');
  });

  test("counts what waits of a publisher over a restart", async ({ expect }) => {
    await using folder = await createStoreFolder();
    const options = { quota: kibibytes(4) };
    const reading = { ...message("critical", "x".repeat(500)), owner: "chatty" };
    const fill = async (store: Store): Promise<void> => {
      for (;;) await store.outbox.publish(reading);
    };
    {
      await using store = await folder.open(options);
      await expect(fill(store)).rejects.toMatchObject({ code: "ERR_OUTBOX_QUOTA" });
    }
    await using store = await folder.open(options);
    await expect(store.outbox.publish(reading)).rejects.toMatchObject({ code: "ERR_OUTBOX_QUOTA" });
  });

  test("writes down that what the hub lost was held in memory by an earlier process", async ({ expect }) => {
    await using folder = await createStoreFolder();
    {
      await using store = await folder.open();
      for (let n = 0; n < 4; n += 1) await store.outbox.publish(message("standard"));
      await store.outbox.acknowledge("standard", 4, 4);
    }
    await using store = await folder.open();
    await store.outbox.rewind("standard", { seq: 1, hubSeq: 1 });
    expect(await store.outbox.ledger()).toMatchObject([
      { lane: "standard", from: 2, to: 4, count: 0, reason: "hub-lost" },
    ]);
  });

  test("keeps counting over clean closes, without gaps and from an empty outbox too", async ({ expect }) => {
    await using folder = await createStoreFolder();
    const seen: number[] = [];
    for (let round = 0; round < 3; round += 1) {
      await using store = await folder.open();
      await store.outbox.publish(message("critical"));
      const row = (await store.outbox.read("critical", 0, WINDOW)).at(-1);
      seen.push(row?.seq ?? -1);
      await store.outbox.acknowledge("critical", row?.seq ?? 0);
    }
    expect(seen).toEqual([1, 2, 3]);
  });

  test("stamps rows with the kernel's boot", async ({ expect }) => {
    await using folder = await createStoreFolder();
    const boot = (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
    const uptime = Number((await readFile("/proc/uptime", "utf8")).split(" ")[0]) * 1000;
    {
      await using store = await folder.open();
      await store.outbox.publish(message("critical"));
    }
    await using store = await folder.open();
    const [row] = await store.outbox.read("critical", 0, WINDOW);
    expect(row?.bootId).toBe(boot);
    expect(Math.abs((row?.monotonic ?? 0) - uptime)).toBeLessThan(60_000);
    expect(Math.abs((row?.wall ?? 0) - Date.now())).toBeLessThan(60_000);
  });

  test("refuses a second store on the directory with ERR_STORE_LOCKED until the first is closed", async ({
    expect,
  }) => {
    await using folder = await createStoreFolder();
    {
      await using store = await folder.open();
      await expect(folder.open()).rejects.toMatchObject({ code: "ERR_STORE_LOCKED" });
      await store.outbox.publish(message("critical"));
    }
    await using again = await folder.open();
    expect(await again.outbox.read("critical", 0, WINDOW)).toHaveLength(1);
  });

  test("refuses a directory that another process uses, and takes it once that was killed", async ({ expect }) => {
    await using folder = await createStoreFolder();
    await using writer = spawnWriter(folder.dir);
    await writer.lines(2);
    await expect(folder.open()).rejects.toMatchObject({ code: "ERR_STORE_LOCKED" });
    await writer.kill();
    await using store = await folder.open();
    expect((await store.outbox.stats()).lastSeq).toBeGreaterThan(0);
  });

  test("takes a directory whose lock file was written over", async ({ expect }) => {
    await using folder = await createStoreFolder();
    await writeFile(join(folder.dir, "petiole.lock"), "not a database".repeat(100));
    await using _store = await folder.open();
    await expect(folder.open()).rejects.toMatchObject({ code: "ERR_STORE_LOCKED" });
  });

  test("refuses a database of a newer petiole with ERR_STORE_OPEN, and leaves it alone", async ({ expect }) => {
    await using folder = await createStoreFolder();
    {
      await using store = await folder.open();
      await store.outbox.publish(message("critical"));
    }
    const file = join(folder.dir, "petiole.db");
    const db = openDatabase(file, { busyTimeout: 0 });
    db.exec("DELETE FROM state WHERE name = 'schema-readable-from'");
    db.exec("PRAGMA user_version = 999");
    db.close();
    await expect(folder.open()).rejects.toMatchObject({ code: "ERR_STORE_OPEN", message: /version 999/ });
    expect((await readdir(folder.dir)).filter((name) => name.includes("corrupt"))).toEqual([]);
    const again = openDatabase(file, { busyTimeout: 0 });
    expect(again.prepare("SELECT count(*) AS n FROM segment_1").get()).toEqual({ n: 1 });
    again.close();
  });

  test("uses a database of the next petiole as it is, when that one says that it may", async ({ expect }) => {
    await using folder = await createStoreFolder();
    const [first, second] = [STORE_SCHEMA.version, STORE_SCHEMA.version + 1];
    {
      await using store = await folder.open();
      await store.outbox.publish(message("critical"));
      await store.state.save("kept", "by this one");
    }
    const file = join(folder.dir, "petiole.db");
    const says = (from: number): void => {
      const db = openDatabase(file, { busyTimeout: 0 });
      db.exec("CREATE TABLE IF NOT EXISTS novelty (id INTEGER PRIMARY KEY, what TEXT NOT NULL) STRICT");
      db.exec("ALTER TABLE ledger ADD COLUMN novelty_" + String(from) + " TEXT");
      db.prepare("UPDATE state SET value = ? WHERE name = 'schema-readable-from'").run(String(from));
      db.exec(`PRAGMA user_version = ${second}`);
      db.close();
    };
    says(first);
    {
      await using store = await folder.open();
      expect((await store.outbox.stats()).store.mode).toBe("disk");
      expect(await store.state.load("kept")).toBe("by this one");
      await store.outbox.publish(message("critical"));
    }
    const db = openDatabase(file, { busyTimeout: 0 });
    expect(db.prepare("PRAGMA user_version").get()).toEqual({ user_version: second });
    expect(db.prepare("SELECT count(*) AS n FROM novelty").get()).toEqual({ n: 0 });
    db.close();

    says(second);
    const refusal = { code: "ERR_STORE_OPEN", message: `wants one from ${second} on` };
    await expect(folder.open()).rejects.toMatchObject({
      ...refusal,
      message: expect.stringContaining(refusal.message),
    });
    expect((await readdir(folder.dir)).filter((name) => name.includes("corrupt"))).toEqual([]);
  });

  test("refuses a directory that cannot be made with ERR_STORE_OPEN", async ({ expect }) => {
    await using folder = await createStoreFolder();
    await writeFile(join(folder.dir, "file"), "");
    const opening = openStore({
      dir: join(folder.dir, "file", "state"),
      log: silentLogger,
      clock: systemClock,
      outbox: { maxBytes: kibibytes(64) },
    });
    await expect(opening).rejects.toMatchObject({ code: "ERR_STORE_OPEN" });
  });

  test("rejects calls after disposal with ERR_STORE_FAILED", async ({ expect }) => {
    await using folder = await createStoreFolder();
    const store = await folder.open();
    await store[Symbol.asyncDispose]();
    await expect(store.outbox.publish(message("critical"))).rejects.toMatchObject({ code: "ERR_STORE_FAILED" });
    await expect(store.outbox.stats()).rejects.toMatchObject({ code: "ERR_STORE_FAILED" });
    await expect(store.keyValue.get("b", "k")).rejects.toMatchObject({ code: "ERR_STORE_FAILED" });
  });

  test("makes a database with the page size, vacuum mode and tables that are meant", async ({ expect }) => {
    await using folder = await createStoreFolder();
    {
      await using store = await folder.open();
      await store.outbox.publish(message("critical"));
    }
    const db = openDatabase(join(folder.dir, "petiole.db"), { busyTimeout: 0 });
    const pragma = (name: string): unknown => Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0];
    expect([pragma("page_size"), pragma("auto_vacuum"), pragma("journal_mode")]).toEqual([4096, 2, "wal"]);
    const tables = db.prepare(
      "SELECT name, strict FROM pragma_table_list WHERE schema = 'main' AND name NOT LIKE 'sqlite_%'",
    );
    expect(tables.all().map((table) => table["strict"])).toEqual(Array.from({ length: 8 }, () => 1));
    db.close();
  });

  test("writes through to the medium with each commit, and stays small in memory", async ({ expect }) => {
    await using folder = await createStoreFolder();
    const opened: Database[] = [];
    using _engine = new Engine({
      options: engineOptions(folder.dir),
      notify: () => {},
      open: (...args) => {
        const db = openDatabase(...args);
        opened.push(db);
        return db;
      },
    });
    const pragma = (name: string): unknown => Object.values(opened[0]?.prepare(`PRAGMA ${name}`).get() ?? {})[0];
    expect(pragma("journal_mode")).toBe("wal");
    // FULL: the log is flushed with each commit.
    expect(pragma("synchronous")).toBe(2);
    expect(pragma("locking_mode")).toBe("exclusive");
    expect(pragma("cache_size")).toBe(-1024);
    expect(pragma("mmap_size")).toBe(0);
    expect(pragma("temp_store")).toBe(2);
    expect(pragma("journal_size_limit")).toBe(819 * 4096);
  });

  test("never gives a sequence twice when the database was replaced by an older copy", async ({ expect }) => {
    await using folder = await createStoreFolder();
    const file = join(folder.dir, "petiole.db");
    const copy = join(folder.dir, "copy");
    const publishAndRead = async (): Promise<number> => {
      await using store = await folder.open();
      await store.outbox.publish(message("critical"));
      return (await store.outbox.read("critical", 0, WINDOW)).at(-1)?.seq ?? 0;
    };
    await publishAndRead();
    await copyFile(file, copy);
    const last = [await publishAndRead(), await publishAndRead()].at(-1) ?? 0;
    await copyFile(copy, file);
    expect(await publishAndRead()).toBeGreaterThan(last);
  });

  test("names what an older copy lacks when it lacks more than a crash can cost", async ({ expect }) => {
    await using folder = await createStoreFolder();
    const file = join(folder.dir, "petiole.db");
    const copy = join(folder.dir, "copy");
    {
      await using store = await folder.open();
      await store.outbox.publish(message("critical"));
    }
    await copyFile(file, copy);
    {
      await using store = await folder.open();
      await store.outbox.acknowledge("critical", 200_000);
    }
    await copyFile(copy, file);
    await using store = await folder.open();
    expect(await store.outbox.ledger()).toMatchObject([
      { lane: "critical", from: 2, to: 200_000, count: 0, reason: "unknown" },
      { lane: "standard", from: 2, to: 200_000, count: 0, reason: "unknown" },
    ]);
    expect(laneOf(await store.outbox.stats(), "critical").rows).toBe(1);
  });
});
