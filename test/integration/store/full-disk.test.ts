// A full or failing disk makes publishing fail with a typed error; it ends neither the worker nor the store, and what
// waits in memory is written once there is room.

import { execFile } from "node:child_process";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, test } from "vitest";
import { unpackRows } from "../../../src/adapters/store/row-batch.ts";
import { Engine } from "../../../src/adapters/store/engine.ts";
import type { CommitRequest } from "../../../src/adapters/store/protocol.ts";
import { makeRecord } from "../../../src/adapters/store/row.ts";
import { isSqliteFailure, openDatabase, SqliteFailure, type Database } from "../../../src/adapters/store/sqlite.ts";
import { kibibytes, mebibytes, millis } from "../../../src/domain/units.ts";
import { laneOf, message } from "../../conformance/outbox.ts";
import { skipping } from "../../support/skip.ts";
import {
  EMPTY_COMMIT,
  NOW,
  createLineLog,
  createStoreFolder,
  engineOptions,
  type StoreFolder,
} from "../../support/store.ts";

const run = promisify(execFile);
const WINDOW = { rows: 100_000, bytes: mebibytes(64) };

/** Mounts a file system of `size` on the folder; undefined when this user may not. */
async function mountTmpfs(folder: StoreFolder, size: string): Promise<AsyncDisposable | undefined> {
  try {
    await run("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", folder.dir]);
  } catch {
    return undefined;
  }
  return {
    [Symbol.asyncDispose]: async () => {
      await run("umount", ["--lazy", folder.dir]);
    },
  };
}

const mayMount = await (async (): Promise<boolean> => {
  await using folder = await createStoreFolder();
  await using mount = await mountTmpfs(folder, "64k");
  return mount !== undefined;
})();

const mayNot = skipping(!mayMount, "the tests on a full tmpfs", "this user may not mount one");
describe.skipIf(mayNot)("a full disk (tmpfs of 3 MiB; needs the right to mount)", () => {
  test("publish() fails with ERR_STORE_FAILED, and works again once there is room", async ({ expect }) => {
    await using folder = await createStoreFolder();
    await using _mount = await mountTmpfs(folder, "3m");
    const ballast = join(folder.dir, "ballast");
    const { log, lines } = createLineLog();
    await writeFile(ballast, new Uint8Array(kibibytes(1024)));
    let durable = 0;
    {
      await using store = await folder.open({ lanes: { standard: { commitInterval: millis(10) } } }, log);
      const fill = async (): Promise<never> => {
        for (;;) {
          await store.outbox.publish(message("critical", "x".repeat(8000)));
          durable += 1;
        }
      };
      await expect(fill()).rejects.toMatchObject({ code: "ERR_STORE_FAILED", message: /disk is full/ });
      // Still there, and still refusing: nothing was lost but the message that was refused.
      expect(await store.outbox.read("critical", 0, WINDOW)).toHaveLength(durable);
      await expect(store.keyValue.set("b", "k", new Uint8Array(20_000))).rejects.toMatchObject({
        code: "ERR_STORE_FAILED",
      });
      expect(await store.outbox.publish(message("standard", "kept".padEnd(20_000, ".")))).toMatchObject({
        outcome: "buffered",
      });
      await expect(store.flush()).rejects.toMatchObject({ code: "ERR_STORE_FAILED" });
      expect(laneOf(await store.outbox.stats(), "standard").rows).toBe(1);

      await rm(ballast);
      expect(await store.outbox.publish(message("critical", "again"))).toMatchObject({ outcome: "durable" });
      expect(await store.outbox.read("standard", 0, WINDOW)).toHaveLength(1);
    }
    // One line for the failure, one for its end; not one for each message.
    expect(lines.map((line) => line["level"])).toEqual(["error", "info"]);
    await using reopened = await folder.open();
    expect(await reopened.outbox.read("critical", 0, WINDOW)).toHaveLength(durable + 1);
    expect(await reopened.outbox.read("standard", 0, WINDOW)).toHaveLength(1);
  });

  test("openStore() opens on a full disk, reads, and acknowledges once there is room", async ({ expect }) => {
    await using folder = await createStoreFolder();
    await using _mount = await mountTmpfs(folder, "3m");
    {
      await using store = await folder.open();
      for (let n = 0; n < 20; n += 1) await store.outbox.publish(message("critical", "x".repeat(1000)));
    }
    const ballast = join(folder.dir, "ballast");
    await expect(writeFile(ballast, new Uint8Array(mebibytes(4)))).rejects.toMatchObject({ code: "ENOSPC" });
    {
      await using store = await folder.open();
      expect(await store.outbox.read("critical", 0, WINDOW)).toHaveLength(20);
      await expect(store.outbox.publish(message("critical"))).rejects.toMatchObject({ code: "ERR_STORE_FAILED" });
      await store.outbox.acknowledge("critical", 5);
      await expect(store.flush()).rejects.toMatchObject({ code: "ERR_STORE_FAILED" });
      await rm(ballast);
      await store.flush();
    }
    await using reopened = await folder.open();
    expect((await reopened.outbox.acknowledged("critical")).seq).toBe(5);
    expect(await reopened.outbox.read("critical", 5, WINDOW)).toHaveLength(15);
  });
});

/** A driver whose commits fail on demand, as on a disk with an I/O error. */
function createFailingDriver(): { readonly open: typeof openDatabase; failing: boolean } {
  const driver = {
    failing: false,
    open: (...args: Parameters<typeof openDatabase>): Database => {
      const db = openDatabase(...args);
      return {
        ...db,
        transaction: (work) =>
          db.transaction(() => {
            const result = work();
            if (driver.failing) throw new SqliteFailure("io", "disk I/O error");
            return result;
          }),
      };
    },
  };
  return driver;
}

function commitOf(seq: number, size: number): CommitRequest {
  const stamp = { seq, monotonic: millis(seq), wall: millis(seq), ttl: null };
  return {
    ...EMPTY_COMMIT,
    rows: [makeRecord(message("critical", "x".repeat(size)), stamp)],
    lastSeq: seq,
    writes: [{ kind: "increment", bucket: "b", key: "n", delta: 1n }],
  };
}

describe("Engine", () => {
  test("a commit that fails at its end changes nothing, and the next one works", async ({ expect }) => {
    await using folder = await createStoreFolder();
    const driver = createFailingDriver();
    using engine = new Engine({ options: engineOptions(folder.dir), notify: () => {}, open: driver.open });
    engine.handle<"commit">(commitOf(1, 100));
    driver.failing = true;
    const failing = (): unknown => engine.handle<"commit">(commitOf(2, 100));
    expect(failing).toThrow(expect.toSatisfy((error: unknown) => isSqliteFailure(error, "io")));
    expect(failing).toThrow("disk I/O error");
    driver.failing = false;
    expect(engine.handle<"stats">({ kind: "stats", now: NOW, acknowledged: {} }).lanes).toMatchObject({
      critical: { rows: 1 },
      standard: { rows: 0 },
    });
    const reply = engine.handle<"commit">(commitOf(3, 100));
    expect(reply.writes).toEqual([{ ok: true, value: 2n }]);
    const read = { kind: "read", now: NOW, lane: "critical", after: 0, rows: 9, bytes: 9999, offers: true } as const;
    const rows = unpackRows(engine.handle<"read">(read).rows);
    expect(rows.map((row) => [row.seq, row.bootId])).toEqual([
      [1, "boot"],
      [3, "boot"],
    ]);
  });

  test("a database that may not grow (PRAGMA max_page_count) refuses, and takes messages once it may", async ({
    expect,
  }) => {
    await using folder = await createStoreFolder();
    const opened: Database[] = [];
    const open = (...args: Parameters<typeof openDatabase>): Database => {
      const db = openDatabase(...args);
      opened.push(db);
      return db;
    };
    using engine = new Engine({ options: engineOptions(folder.dir), notify: () => {}, open });
    opened[0]?.exec("PRAGMA max_page_count = 40");
    let seq = 0;
    const fill = (): void => {
      for (; seq < 1000; seq += 1) engine.handle<"commit">(commitOf(seq + 1, 3000));
    };
    expect(fill).toThrow(expect.toSatisfy((error: unknown) => isSqliteFailure(error, "full")));
    expect(seq).toBeGreaterThan(10);
    const rowsOf = (): number =>
      engine.handle<"stats">({ kind: "stats", now: NOW, acknowledged: {} }).lanes.critical.rows;
    expect(rowsOf()).toBe(seq);
    opened[0]?.exec("PRAGMA max_page_count = 4000");
    engine.handle<"commit">(commitOf(seq + 2, 3000));
    expect(rowsOf()).toBe(seq + 1);
  });
});
