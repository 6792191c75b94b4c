// Pins `wasmcloud:postgres` on the device's SQLite: what differs from PostgreSQL, and what components may not do.

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "vitest";
import { createSqlSqliteProvider } from "../../../providers/sql/sqlite.ts";
import { splitDouble } from "../../../providers/sql/values/floats.ts";
import { int4, plain, refused, sqlOf, sqlSuite, text, type Sql } from "../../conformance/sql/suite.ts";
import { startProvider, type Rig } from "../../support/provider-rig.ts";
import { waitFor } from "../../support/wait-for.ts";

async function start(config: object = {}, file?: string): Promise<Rig> {
  const folder = await mkdtemp(join(tmpdir(), "petiole-sql-"));
  const rig = await startProvider(createSqlSqliteProvider, {
    file: file ?? join(folder, "test.db"),
    sync: "normal",
    // Of a busy machine.
    statement_timeout: "30s",
    ...config,
  });
  return {
    ...rig,
    [Symbol.asyncDispose]: async () => {
      await rig[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

sqlSuite({ name: "SQLite", create: async () => await start() });

describe("createSqlSqliteProvider()", () => {
  async function open(config: object = {}): Promise<AsyncDisposable & { readonly sql: Sql }> {
    await using stack = new AsyncDisposableStack();
    const rig = stack.use(await start(config));
    const link = stack.use(await rig.bind({ config: {} }));
    const owned = stack.move();
    return { sql: sqlOf(link), [Symbol.asyncDispose]: async () => await owned.disposeAsync() };
  }

  test("gives what was not declared, or is nothing of the kind, as it is stored", async ({ expect }) => {
    await using db = await open();
    const rows = await db.sql.query("SELECT 1 AS a, 0.5 AS b, 'x' AS c, x'00ff' AS d, NULL AS e, $1 AS f", int4(7));
    expect(rows[0]?.map(({ value }) => value)).toEqual([
      { tag: "int8", val: 1n },
      { tag: "float8", val: splitDouble(0.5) },
      { tag: "text", val: "x" },
      { tag: "bytea", val: new Uint8Array([0, 255]) },
      { tag: "null" },
      { tag: "int8", val: 7n },
    ]);
    await db.sql.batch("CREATE TABLE t (a integer, b date, c boolean); INSERT INTO t VALUES (5000000000, 'soon', 2)");
    expect((await db.sql.query("SELECT * FROM t"))[0]?.map(({ value }) => value)).toEqual([
      { tag: "int8", val: 5_000_000_000n },
      { tag: "text", val: "soon" },
      { tag: "int8", val: 2n },
    ]);
  });

  test("refuses what leads out of the database, or changes how it is kept", async ({ expect }) => {
    await using db = await open();
    const refusal = refused(expect, "invalid-query", /^(denied: |no such function)/);
    for (const sql of [
      "ATTACH DATABASE '/tmp/other.db' AS other",
      "PRAGMA journal_mode = OFF",
      "PRAGMA writable_schema = 1",
      "PRAGMA max_page_count = 1000000",
      "SELECT load_extension('/tmp/x.so')",
      "VACUUM INTO '/tmp/copy.db'",
      "/* hidden */ VACUUM",
      "SAVEPOINT s",
      "CREATE TEMP TABLE t (a)",
      "CREATE VIRTUAL TABLE v USING dbstat",
    ]) {
      await expect(db.sql.query(sql), sql).rejects.toMatchObject(refusal);
      await expect(db.sql.batch(sql), sql).rejects.toMatchObject(refusal);
      await expect(db.sql.prepare(sql), sql).rejects.toMatchObject({ payload: { tag: "unexpected" } });
    }
    await db.sql.batch("CREATE TABLE t (a integer)");
  });

  test("lets the schema be asked for, and not be written", async ({ expect }) => {
    await using db = await open();
    await db.sql.batch("CREATE TABLE t (a integer)");
    expect(await db.sql.query("SELECT name FROM pragma_table_info('t')")).toHaveLength(1);
    expect(await db.sql.query("PRAGMA table_info(t)")).toHaveLength(1);
    await expect(db.sql.query("DELETE FROM sqlite_schema")).rejects.toMatchObject(
      refused(expect, "invalid-query", /./),
    );
  });

  test("takes no placeholders of another kind", async ({ expect }) => {
    await using db = await open();
    for (const sql of ["SELECT ?", "SELECT ?1", "SELECT :a", "SELECT @a", "SELECT $a"]) {
      await expect(db.sql.query(sql, int4(1))).rejects.toMatchObject(refused(expect, "invalid-query", /want \$1/));
    }
  });

  test("a trigger is one statement of a batch", async ({ expect }) => {
    await using db = await open();
    await db.sql.batch(`
      CREATE TABLE t (a integer); CREATE TABLE log (a integer);
      CREATE TRIGGER noted AFTER INSERT ON t BEGIN
        INSERT INTO log VALUES (CASE WHEN new.a > 1 THEN 1 ELSE 0 END); INSERT INTO log VALUES (new.a);
      END;
      INSERT INTO t VALUES (5);`);
    expect(plain(await db.sql.query("SELECT a FROM log"))).toEqual([[["a", "int4", 1]], [["a", "int4", 5]]]);
  });

  test("a database that is full takes no more, and can be read", async ({ expect }) => {
    await using db = await open({ max_size: "64KiB" });
    await db.sql.batch("CREATE TABLE t (a text)");
    await expect(db.sql.query("INSERT INTO t VALUES ($1)", text("x".repeat(100_000)))).rejects.toMatchObject(
      refused(expect, "unexpected", /^full: /),
    );
    await db.sql.query("INSERT INTO t VALUES ('y')");
    expect(await db.sql.query("SELECT a FROM t")).toHaveLength(1);
  });

  test("a statement that takes too long fails and changes nothing, also one that never gives a row", async ({
    expect,
  }) => {
    await using db = await open({ statement_timeout: "1s" });
    await waitFor(
      "the table",
      async () => await db.sql.batch("CREATE TABLE IF NOT EXISTS t (a integer)").then(() => true),
    );
    const timeout = refused(expect, "unexpected", /^timeout: /);
    const endless = (to: string): string =>
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n${to}) SELECT`;
    const token = await db.sql.prepare(`${endless("")} i FROM n`);
    await expect(db.sql.exec(token)).rejects.toMatchObject({
      payload: { tag: "query-error", val: { tag: "unexpected" } },
    });
    // Long, and not for ever: the thread that is left behind ends with the test.
    await expect(db.sql.query(`${endless(" WHERE i < 60000000")} max(i) FROM n`)).rejects.toMatchObject(timeout);
    // Until the first has ended, or the second, when neither came back soon.
    await waitFor("the database", async () => (await db.sql.query("INSERT INTO t VALUES (1)")).length === 0);
    expect(await db.sql.query("SELECT a FROM t")).toHaveLength(1);
  });

  test("start() says why a file cannot be used", async ({ expect }) => {
    const rejection = { code: "ERR_PROVIDER_START" };
    await expect(start({}, "/nonexistent/folder/test.db")).rejects.toMatchObject(rejection);
    await expect(start({}, import.meta.filename)).rejects.toMatchObject(rejection);
    expect(await readFile(import.meta.filename, "utf8")).toContain("start() says why");
  });

  test("what was stored is there after a restart", async ({ expect }) => {
    const folder = await mkdtemp(join(tmpdir(), "petiole-sql-"));
    try {
      const file = join(folder, "kept.db");
      for (const count of [1, 2]) {
        await using rig = await start({ sync: "full" }, file);
        await using link = await rig.bind({ config: {} });
        const sql = sqlOf(link);
        await sql.batch("CREATE TABLE IF NOT EXISTS t (a integer); INSERT INTO t VALUES (1)");
        expect(await sql.query("SELECT a FROM t")).toHaveLength(count);
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
