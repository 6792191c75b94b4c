// A damaged store never keeps the agent from starting: what can be read is taken over, what cannot is in the ledger,
// the damaged file is kept once, and no sequence is used twice.

import { execFile } from "node:child_process";
import { open, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, test, type ExpectStatic } from "vitest";
import type { Store } from "../../../src/adapters/store/index.ts";
import { unpackRows } from "../../../src/adapters/store/row-batch.ts";
import { Engine } from "../../../src/adapters/store/engine.ts";
import { openDatabase, SqliteFailure, type Database } from "../../../src/adapters/store/sqlite.ts";
import type { LedgerEntry, OutboxRow } from "../../../src/domain/outbox.ts";
import { kibibytes } from "../../../src/domain/units.ts";
import { laneOf, message, textOf } from "../../conformance/outbox.ts";
import { createLineLog, createStoreFolder, engineOptions, NOW, type StoreFolder } from "../../support/store.ts";

const WINDOW = { rows: 10_000, bytes: kibibytes(16_384) };
const run = promisify(execFile);

const databaseOf = (folder: StoreFolder): string => join(folder.dir, "petiole.db");

async function fill(store: Store, rows: number): Promise<void> {
  for (let n = 1; n <= rows; n += 1) await store.outbox.publish(message("standard", `${n} `.padEnd(400, "x")));
  await store.outbox.publish(message("critical", "alarm"));
  await store.keyValue.set("bucket", "key", new TextEncoder().encode("value"));
  await store.state.save("desired", "state");
}

/** The table that the rows of a lane lie in; these tests fill one. */
function segmentOf(db: Database, lane: string): string {
  const [segment, ...others] = db.prepare<{ id: number }>(`SELECT id FROM segments WHERE lane = '${lane}'`).all();
  if (segment === undefined || others.length > 0) throw new Error(`lane "${lane}" has ${others.length + 1} segments`);
  return `segment_${segment.id}`;
}

async function movedFiles(folder: StoreFolder): Promise<readonly string[]> {
  return (await readdir(folder.dir)).filter((name) => name.startsWith("petiole.db.corrupt-"));
}

async function overwrite(file: string, at: number, bytes: Uint8Array): Promise<void> {
  const handle = await open(file, "r+");
  try {
    await handle.write(bytes, 0, bytes.length, at);
  } finally {
    await handle.close();
  }
}

/** Each missing row lies within a range of the ledger. */
function expectCovered(expect: ExpectStatic, missing: readonly number[], ledger: readonly LedgerEntry[]): void {
  const covered = (seq: number): boolean =>
    ledger.some((entry) => entry.lane === "standard" && entry.from <= seq && seq <= entry.to);
  expect(missing.filter((seq) => !covered(seq))).toEqual([]);
}

describe("a damaged row", () => {
  test("is skipped, deleted and written down; the others are read", async ({ expect }) => {
    await using folder = await createStoreFolder();
    {
      await using store = await folder.open();
      await fill(store, 10);
    }
    const db = openDatabase(databaseOf(folder), { busyTimeout: 0 });
    const table = segmentOf(db, "standard");
    db.exec(`UPDATE ${table} SET body = CAST(replace(CAST(body AS TEXT), '4 xx', '4 xy') AS BLOB) WHERE seq = 4`);
    db.exec(`UPDATE ${segmentOf(db, "standard")} SET wall = wall + 1 WHERE seq = 5`);
    db.exec(`UPDATE ${segmentOf(db, "standard")} SET subject = 'other' WHERE seq = 8`);
    db.close();

    await using store = await folder.open();
    const before = laneOf(await store.outbox.stats(), "standard");
    const rows = await store.outbox.read("standard", 0, WINDOW);
    expect(rows.map((row) => row.seq)).toEqual([1, 2, 3, 6, 7, 9, 10]);
    expect(await store.outbox.ledger()).toMatchObject([
      { lane: "standard", from: 4, to: 5, count: 2, reason: "corrupt" },
      { lane: "standard", from: 8, to: 8, count: 1, reason: "corrupt" },
    ]);
    const after = laneOf(await store.outbox.stats(), "standard");
    expect(after).toMatchObject({ rows: 7, dropped: 3 });
    const lost = (await store.outbox.ledger()).reduce((sum, entry) => sum + entry.bytes, 0);
    // The changed subject is shorter, by what was counted when the row was stored.
    expect(before.bytes - after.bytes).toBe(lost);
  });

  test("does not end a lane: read() goes on to the next good row however many are bad", async ({ expect }) => {
    await using folder = await createStoreFolder();
    {
      await using store = await folder.open();
      await fill(store, 700);
    }
    const db = openDatabase(databaseOf(folder), { busyTimeout: 0 });
    db.exec(`UPDATE ${segmentOf(db, "standard")} SET crc = crc + 1 WHERE seq < 700`);
    db.close();
    await using store = await folder.open();
    const rows = await store.outbox.read("standard", 0, { rows: 5, bytes: kibibytes(1) });
    expect(rows.map((row) => row.seq)).toEqual([700]);
    expect(await store.outbox.ledger()).toMatchObject([{ from: 1, to: 699, count: 699, reason: "corrupt" }]);
  });
});

describe("a row that its segment does not know of", () => {
  test("takes the segment out of use, and reading comes to an end", async ({ expect }) => {
    await using folder = await createStoreFolder();
    {
      await using store = await folder.open();
      await fill(store, 10);
    }
    const db = openDatabase(databaseOf(folder), { busyTimeout: 0 });
    // A medium that loses what it had confirmed leaves a table that is newer than the list, with rows of another one.
    db.exec(`UPDATE ${segmentOf(db, "standard")} SET seq = 1000, crc = crc + 1 WHERE seq = 7`);
    db.close();
    const { log, lines } = createLineLog();
    await using store = await folder.open({}, log);
    const rows = await store.outbox.read("standard", 0, WINDOW);
    expect(rows.map((row) => row.seq)).toEqual([1, 2, 3, 4, 5, 6, 8, 9, 10]);
    expect(lines).toContainEqual(expect.objectContaining({ level: "error", lane: "standard", lost: 1, rescued: 9 }));
    expectCovered(expect, [7], await store.outbox.ledger());
  });
});

describe("a damaged database", () => {
  test("without a header is moved aside; counting goes on and all is in the ledger", async ({ expect }) => {
    await using folder = await createStoreFolder();
    const { log, lines } = createLineLog();
    let storeId: string;
    {
      await using store = await folder.open();
      storeId = store.outbox.storeId;
      await fill(store, 10);
      await store.outbox.acknowledge("standard", 3);
    }
    await overwrite(databaseOf(folder), 0, new Uint8Array(4096).fill(0x5a));
    {
      await using store = await folder.open({}, log);
      expect(store.outbox.storeId).toBe(storeId);
      expect(await store.outbox.ledger()).toMatchObject([
        { lane: "critical", from: 1, to: 11, count: 0, bytes: 0, reason: "unknown" },
        { lane: "standard", from: 4, to: 11, count: 0, bytes: 0, reason: "unknown" },
      ]);
      await store.outbox.publish(message("critical"));
      const [row] = await store.outbox.read("critical", 0, WINDOW);
      expect(row?.seq).toBe(12);
    }
    expect(lines).toMatchObject([{ level: "error", storeId, firstSeq: 12 }]);
    const moved = await movedFiles(folder);
    expect(moved).toHaveLength(1);
    expect((await readFile(join(folder.dir, moved[0] ?? ""))).subarray(0, 4)).toEqual(Buffer.from("ZZZZ"));
  });

  test("is kept once: the next one takes its place", async ({ expect }) => {
    await using folder = await createStoreFolder();
    for (const filler of [0x41, 0x42]) {
      {
        await using store = await folder.open();
        await store.outbox.publish(message("critical"));
      }
      await overwrite(databaseOf(folder), 0, new Uint8Array(100).fill(filler));
    }
    await using _store = await folder.open();
    const moved = await movedFiles(folder);
    expect(moved).toHaveLength(1);
    expect((await readFile(join(folder.dir, moved[0] ?? "")))[0]).toBe(0x42);
  });

  test("that was cut off gives up only what was cut", async ({ expect }) => {
    await using folder = await createStoreFolder();
    {
      await using store = await folder.open();
      await fill(store, 1000);
    }
    const { size } = await stat(databaseOf(folder));
    await truncate(databaseOf(folder), Math.floor(size / 4096 / 2) * 4096);
    await using store = await folder.open();
    const rows = await store.outbox.read("standard", 0, WINDOW);
    expect(rows.length).toBeGreaterThan(100);
    expect(rows.length).toBeLessThan(1000);
    for (const row of rows) expect(textOf(row)).toBe(`${row.seq} `.padEnd(400, "x"));
    const present = new Set(rows.map((row) => row.seq));
    const missing = Array.from({ length: 1000 }, (_, n) => n + 1).filter((seq) => !present.has(seq));
    expectCovered(expect, missing, await store.outbox.ledger());
    expect(laneOf(await store.outbox.stats(), "standard").rows).toBe(rows.length);
  });

  test("that breaks in one place loses the page that broke; a second time the whole is replaced", async ({
    expect,
  }) => {
    await using folder = await createStoreFolder();
    const { log, lines } = createLineLog();
    const breakAt = async (text: string): Promise<void> => {
      // A leaf page in the middle of the lane, found by what it holds.
      const content = await readFile(databaseOf(folder));
      const page = Math.floor(content.indexOf(Buffer.from(text)) / 4096);
      await overwrite(databaseOf(folder), page * 4096, new Uint8Array(4096).fill(0xa5));
    };
    let storeId: string;
    {
      await using store = await folder.open();
      storeId = store.outbox.storeId;
      await fill(store, 1000);
    }
    await breakAt("500 xxxxxx");
    const missingOf = (rows: readonly OutboxRow[]): readonly number[] => {
      const present = new Set(rows.map((row) => row.seq));
      return Array.from({ length: 1000 }, (_, n) => n + 1).filter((seq) => !present.has(seq));
    };
    let first: readonly number[];
    {
      await using store = await folder.open({}, log);
      // Nothing was noticed at the start: that does not look at what waits.
      expect(lines).toEqual([]);
      const rows = await store.outbox.read("standard", 0, WINDOW);
      first = missingOf(rows);
      expect(lines).toMatchObject([{ level: "error", lane: "standard", rescued: rows.length, lost: first.length }]);
      expect(rows.length).toBeGreaterThan(980);
      expect(first).toContain(500);
      expect(await store.outbox.ledger()).toMatchObject([
        { lane: "standard", from: first[0], to: first.at(-1), count: first.length, reason: "corrupt" },
      ]);
      expect(laneOf(await store.outbox.stats(), "standard").rows).toBe(rows.length);
      expect(await movedFiles(folder)).toEqual([]);
      await store.outbox.publish(message("critical", "after"));
      expect((await store.outbox.read("critical", 0, WINDOW)).map(textOf)).toEqual(["alarm", "after"]);
    }
    await breakAt("250 xxxxxx");
    await using store = await folder.open();
    // The first hit may be the page in the segment that is out of use already.
    await breakAt("750 xxxxxx");
    const rows = await store.outbox.read("standard", 0, WINDOW);
    expect(rows.length).toBeGreaterThan(900);
    for (const row of rows) expect(textOf(row)).toBe(`${row.seq} `.padEnd(400, "x"));
    expectCovered(expect, missingOf(rows), await store.outbox.ledger());
    // Everything else came along, and the store goes on.
    expect(store.outbox.storeId).toBe(storeId);
    expect((await store.outbox.read("critical", 0, WINDOW)).map(textOf)).toEqual(["alarm", "after"]);
    expect(new TextDecoder().decode(await store.keyValue.get("bucket", "key"))).toBe("value");
    expect(await store.state.load("desired")).toBe("state");
    await store.outbox.publish(message("critical", "last"));
    expect((await store.outbox.read("critical", 1002, WINDOW)).map(({ seq }) => seq)).toEqual([1003]);
  });

  test("that is gone starts anew behind the sequences that were given out", async ({ expect }) => {
    await using folder = await createStoreFolder();
    {
      await using store = await folder.open();
      await fill(store, 10);
    }
    await rm(databaseOf(folder));
    await using store = await folder.open();
    await store.outbox.publish(message("critical"));
    expect((await store.outbox.read("critical", 0, WINDOW)).map((row) => row.seq)).toEqual([12]);
    expect(await store.outbox.ledger()).toMatchObject([{ reason: "unknown" }, { reason: "unknown" }]);
  });

  test("with a damaged sequence file still opens: the database knows its sequences", async ({ expect }) => {
    await using folder = await createStoreFolder();
    {
      await using store = await folder.open();
      await fill(store, 10);
    }
    await writeFile(join(folder.dir, "petiole.seq"), "\0\0\0\0");
    await using store = await folder.open();
    await store.outbox.publish(message("critical"));
    expect((await store.outbox.read("critical", 11, WINDOW)).map((row) => row.seq)).toEqual([12]);
    expect(await store.outbox.ledger()).toEqual([]);
  });
});

describe("a repair that fails", () => {
  test("leaves everything as it was, and is tried again with the next request", async ({ expect }) => {
    await using folder = await createStoreFolder();
    {
      await using store = await folder.open();
      await fill(store, 1000);
    }
    const content = await readFile(databaseOf(folder));
    const page = Math.floor(content.indexOf(Buffer.from("500 xxxxxx")) / 4096);
    await overwrite(databaseOf(folder), page * 4096, new Uint8Array(4096).fill(0xa5));
    let full = true;
    using engine = new Engine({
      options: engineOptions(folder.dir),
      notify: () => {},
      open: (...args) => {
        const db = openDatabase(...args);
        const transaction = <T>(work: () => T): T =>
          db.transaction(() => {
            if (full) throw new SqliteFailure("full", "no room");
            return work();
          });
        return { ...db, transaction };
      },
    });
    const read = (): readonly OutboxRow[] =>
      unpackRows(
        engine.handle<"read">({ kind: "read", now: NOW, lane: "standard", after: 0, ...WINDOW, offers: true }).rows,
      );
    for (let n = 0; n < 2; n += 1) {
      expect(read).toThrow("no room");
      expect(await movedFiles(folder)).toEqual([]);
      expect((await stat(databaseOf(folder))).size).toBe(content.length);
    }
    full = false;
    expect(read().length).toBeGreaterThan(980);
    expect(await movedFiles(folder)).toEqual([]);
  });
});

describe("a log that lost its tail with the power", () => {
  test("costs the commits in it, but no sequence is used twice", async ({ expect }) => {
    await using folder = await createStoreFolder();
    await using copy = await createStoreFolder();
    await using store = await folder.open();
    for (let n = 0; n < 20; n += 1) await store.outbox.publish(message("critical", `n${n}`));
    // Copied by another process: closing a file here would release this process's locks on it.
    await run("cp", ["-r", `${folder.dir}/.`, copy.dir]);
    const log = join(copy.dir, "petiole.db-wal");
    await truncate(log, Math.floor((await stat(log)).size / 2));

    await using reopened = await copy.open();
    const rows = await reopened.outbox.read("critical", 0, WINDOW);
    expect(rows.length).toBeGreaterThan(0);
    expect(rows.length).toBeLessThan(20);
    expect(rows.map(textOf)).toEqual(Array.from(rows, (_, n) => `n${n}`));
    await reopened.outbox.publish(message("critical", "next"));
    const next = (await reopened.outbox.read("critical", 0, WINDOW)).at(-1);
    expect(next?.seq).toBeGreaterThan((await store.outbox.stats()).lastSeq);
  });
});

describe("a replacement that was interrupted", () => {
  test("counts the rows that it had taken over already", async ({ expect }) => {
    await using folder = await createStoreFolder();
    {
      await using store = await folder.open();
      await fill(store, 10);
    }
    // As the power cut leaves it: rows are there, the head is not.
    const db = openDatabase(databaseOf(folder), { busyTimeout: 0 });
    db.exec("DELETE FROM head");
    db.close();
    await using store = await folder.open();
    expect(laneOf(await store.outbox.stats(), "standard").rows).toBe(10);
    expect(await store.outbox.read("standard", 0, WINDOW)).toHaveLength(10);
    expect(await store.outbox.ledger()).toMatchObject([{ reason: "unknown" }, { reason: "unknown" }]);
  });
});
