import { describe, test } from "vitest";
import { faultOf, isSqliteFailure, openDatabase, SqliteFailure } from "./sqlite.ts";

describe("faultOf()", () => {
  for (const [code, fault] of [
    ["SQLITE_CORRUPT", "corrupt"],
    ["SQLITE_CORRUPT_INDEX", "corrupt"],
    ["SQLITE_NOTADB", "corrupt"],
    ["SQLITE_IOERR_READ", "corrupt"],
    ["SQLITE_IOERR_SHORT_READ", "corrupt"],
    ["SQLITE_BUSY", "busy"],
    ["SQLITE_BUSY_RECOVERY", "busy"],
    ["SQLITE_FULL", "full"],
    ["SQLITE_IOERR_FSYNC", "io"],
    ["SQLITE_CANTOPEN", "io"],
    ["SQLITE_READONLY_DBMOVED", "io"],
    ["SQLITE_ERROR", "structure"],
    ["SQLITE_CONSTRAINT_PRIMARYKEY", "other"],
  ] as const) {
    test(`sorts ${code} as ${fault}`, ({ expect }) => {
      expect(faultOf(code)).toBe(fault);
    });
  }
});

describe("openDatabase()", () => {
  test("gives rows, and failures of its own class", ({ expect }) => {
    const db = openDatabase(":memory:", { busyTimeout: 0 });
    db.exec("CREATE TABLE t (a INTEGER PRIMARY KEY, b BLOB NOT NULL) STRICT");
    const insert = db.prepare("INSERT INTO t (a, b) VALUES (?, ?)");
    insert.run(1, new Uint8Array());
    insert.run(2, new Uint8Array([5]));
    const rows = [...db.prepare<{ a: number; b: Uint8Array }>("SELECT * FROM t ORDER BY a").iterate()];
    expect(rows.map(({ a, b }) => [a, ...b])).toEqual([[1], [2, 5]]);
    expect(() => db.exec("SELECT * FROM missing")).toThrow(SqliteFailure);
    db.close();
  });

  test("transaction() undoes everything when the work throws", ({ expect }) => {
    const db = openDatabase(":memory:", { busyTimeout: 0 });
    db.exec("CREATE TABLE t (a INTEGER PRIMARY KEY)");
    const work = (): void =>
      db.transaction(() => {
        db.exec("INSERT INTO t VALUES (1)");
        throw new SqliteFailure("full", "no room");
      });
    expect(work).toThrow(expect.toSatisfy((error: unknown) => isSqliteFailure(error, "full")));
    expect(db.prepare("SELECT a FROM t").all()).toEqual([]);
    expect(db.transaction(() => 3)).toBe(3);
    db.close();
  });

  test("a loop over iterate() that is left early frees the database", ({ expect }) => {
    const db = openDatabase(":memory:", { busyTimeout: 0 });
    db.exec("CREATE TABLE t (a INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (2)");
    for (const row of db.prepare("SELECT a FROM t").iterate()) {
      expect(row).toEqual({ a: 1 });
      break;
    }
    db.exec("DELETE FROM t");
    db.close();
  });
});
