// What a component may rely on from `wasmcloud:postgres`, whichever database is behind it: the same statements, in the SQL
// that both know, with the same values and errors.

import { describe, test, type ExpectStatic } from "vitest";
import { toText, type PgValue } from "../../../providers/sql/values/types.ts";
import type { BoundLink, Rig } from "../../support/provider-rig.ts";
import { startSqlComponent } from "../../support/sql-component.ts";

const QUERY = "wasmcloud:postgres/query";
const PREPARED = "wasmcloud:postgres/prepared";

interface Entry {
  readonly columnName: string;
  readonly value: PgValue;
}

/** The functions of the contract, on one link. */
export interface Sql {
  query(sql: string, ...params: readonly PgValue[]): Promise<readonly (readonly Entry[])[]>;
  batch(sql: string): Promise<void>;
  prepare(sql: string): Promise<string>;
  exec(token: string, ...params: readonly PgValue[]): Promise<bigint>;
}

export function sqlOf(link: BoundLink): Sql {
  return {
    query: async (sql, ...params) => (await link.call(QUERY, "query", sql, params)) as readonly (readonly Entry[])[],
    batch: async (sql) => void (await link.call(QUERY, "query-batch", sql)),
    prepare: async (sql) => (await link.call(PREPARED, "prepare", sql)) as string,
    exec: async (token, ...params) => (await link.call(PREPARED, "exec", token, params)) as bigint,
  };
}

export const int4 = (val: number): PgValue => ({ tag: "int4", val });
export const text = (val: string): PgValue => ({ tag: "text", val });

/** The column names and values of rows, without the names of what holds them. */
export const plain = (rows: readonly (readonly Entry[])[]): unknown[] =>
  rows.map((row) => row.map(({ columnName, value }) => [columnName, value.tag, value.val]));

/** A `WitError` with such a `query-error`. */
export const refused = (expect: ExpectStatic, tag: string, pattern: RegExp): object => ({
  payload: { tag, val: expect.stringMatching(pattern) as string },
});

export interface SqlSubject {
  readonly name: string;
  /** Why the suite is skipped. */
  readonly skip?: string | undefined;
  /** A provider on an empty database. */
  create(): Promise<Rig>;
}

/** Each of the types, by a declaration of a column, with a value that comes back as it went in. */
const VALUES: readonly (readonly [declaration: string, value: PgValue])[] = [
  ["boolean", { tag: "bool", val: true }],
  ["smallint", { tag: "int2", val: -32_768 }],
  ["integer", { tag: "int4", val: -2_147_483_648 }],
  ["bigint", { tag: "int8", val: 9_223_372_036_854_775_807n }],
  // 0.1 as the nearest double, and as the nearest single.
  ["double precision", { tag: "float8", val: [7_205_759_403_792_794n, -56, 1] }],
  ["real", { tag: "float4", val: [13_421_773n, -27, 1] }],
  ["numeric(12,3)", { tag: "numeric", val: "-1234.125" }],
  ["text", { tag: "text", val: "żółw 🐢 'quoted' \\ \"twice\"" }],
  ["varchar(20)", { tag: "varchar", val: [undefined, new Uint8Array(Buffer.from("turtle"))] }],
  ["char(3)", { tag: "char", val: [3, new Uint8Array(Buffer.from("abc"))] }],
  ["bytea", { tag: "bytea", val: Uint8Array.from({ length: 256 }, (_, i) => i) }],
  ["uuid", { tag: "uuid", val: "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0" }],
  ["json", { tag: "json", val: '{"a": [1, null, "x"]}' }],
  ["jsonb", { tag: "jsonb", val: '{"a": [1, null, "x"]}' }],
  ["date", { tag: "date", val: { tag: "ymd", val: [2024, 2, 29] } }],
  ["time", { tag: "time", val: { hour: 23, min: 59, sec: 58, micro: 7 } }],
  [
    "timestamp",
    {
      tag: "timestamp",
      val: { date: { tag: "ymd", val: [1999, 12, 31] }, time: { hour: 1, min: 2, sec: 3, micro: 400_000 } },
    },
  ],
  ["inet", { tag: "inet", val: "10.1.2.3" }],
  ["cidr", { tag: "cidr", val: "10.1.0.0/16" }],
  ["macaddr", { tag: "macaddr", val: { bytes: [8, 0, 43, 1, 2, 255] } }],
  ["int4[]", { tag: "int4-array", val: [1, -2, 3] }],
  ["text[]", { tag: "text-array", val: ['a "b"', "", "c,d\\", "NULL"] }],
];

export function sqlSuite(subject: SqlSubject): void {
  const { skip } = subject;
  describe.skipIf(skip !== undefined)(`wasmcloud:postgres on ${subject.name}`, () => {
    /** A link to an empty database. */
    async function open(config: unknown = {}): Promise<AsyncDisposable & { readonly sql: Sql; readonly rig: Rig }> {
      await using stack = new AsyncDisposableStack();
      const rig = stack.use(await subject.create());
      const link = stack.use(await rig.bind({ config }));
      const owned = stack.move();
      return { sql: sqlOf(link), rig, [Symbol.asyncDispose]: async () => await owned.disposeAsync() };
    }

    test("query gives what was stored, by column and in order, and NULL", async ({ expect }) => {
      await using db = await open();
      await db.sql.batch("CREATE TABLE readings (id integer PRIMARY KEY, sensor text, value integer)");
      const insert = "INSERT INTO readings (id, sensor, value) VALUES ($1, $2, $3)";
      expect(await db.sql.query(insert, int4(2), text("b"), int4(20))).toEqual([]);
      await db.sql.query(insert, int4(1), text("a"), { tag: "null" });
      const rows = await db.sql.query(
        "SELECT sensor, value AS v, id FROM readings WHERE id <= $1 ORDER BY id",
        int4(9),
      );
      expect(plain(rows)).toEqual([
        [
          ["sensor", "text", "a"],
          ["v", "null", undefined],
          ["id", "int4", 1],
        ],
        [
          ["sensor", "text", "b"],
          ["v", "int4", 20],
          ["id", "int4", 2],
        ],
      ]);
      expect(plain(await db.sql.query("SELECT count(*) AS n FROM readings"))).toEqual([[["n", "int8", 2n]]]);
      const changed = await db.sql.query("UPDATE readings SET value = 5 WHERE id = $1 RETURNING value", int4(1));
      expect(plain(changed)).toEqual([[["value", "int4", 5]]]);
      expect(await db.sql.query("-- nothing to do")).toEqual([]);
    });

    test("a parameter may be used twice, and names of columns may repeat", async ({ expect }) => {
      await using db = await open();
      await db.sql.batch("CREATE TABLE t (a integer, b integer)");
      await db.sql.query("INSERT INTO t VALUES ($2, $1), ($1, $1)", int4(1), int4(2));
      expect(plain(await db.sql.query("SELECT a, b, a FROM t ORDER BY a"))).toEqual([
        [
          ["a", "int4", 1],
          ["b", "int4", 1],
          ["a", "int4", 1],
        ],
        [
          ["a", "int4", 2],
          ["b", "int4", 1],
          ["a", "int4", 2],
        ],
      ]);
    });

    test("values of each type come back as they went in", async ({ expect }) => {
      await using db = await open();
      const columns = VALUES.map(([declaration], at) => `c${at} ${declaration}`).join(", ");
      await db.sql.batch(`CREATE TABLE everything (${columns})`);
      const places = VALUES.map((_, at) => `$${at + 1}`).join(", ");
      await db.sql.query(`INSERT INTO everything VALUES (${places})`, ...VALUES.map(([, value]) => value));
      const [row = []] = await db.sql.query("SELECT * FROM everything");
      expect(row.map(({ value }) => value)).toEqual(VALUES.map(([, value]) => value));
    });

    test("the other names of a type are as good for parameters", async ({ expect }) => {
      await using db = await open();
      await db.sql.batch("CREATE TABLE t (a bigint, b integer, c smallint, d double precision, e real, f boolean)");
      const half = [4_503_599_627_370_496n, -53, 1];
      for (const tags of [
        ["big-int", "int", "small-int", "double", "real", "boolean"],
        ["serial8", "serial", "serial2", "float8", "float4", "bool"],
      ]) {
        const values = [7n, 7, 7, half, half, false];
        const params = tags.map((tag, at): PgValue => ({ tag, val: values[at] }));
        await db.sql.query("INSERT INTO t VALUES ($1, $2, $3, $4, $5, $6)", ...params);
      }
      const rows = await db.sql.query("SELECT DISTINCT a, b, c, d, f FROM t");
      expect(rows.map((row) => row.map(({ value }) => value))).toEqual([
        [
          { tag: "int8", val: 7n },
          int4(7),
          { tag: "int2", val: 7 },
          { tag: "float8", val: half },
          { tag: "bool", val: false },
        ],
      ]);
    });

    test("query-batch carries out all of its statements, or none", async ({ expect }) => {
      await using db = await open();
      await db.sql.batch("CREATE TABLE t (a integer NOT NULL); INSERT INTO t VALUES (1); -- the end\n");
      await expect(db.sql.batch("INSERT INTO t VALUES (2); INSERT INTO t VALUES (NULL)")).rejects.toMatchObject(
        refused(expect, "unexpected", /^constraint: /),
      );
      await db.sql.batch("BEGIN; INSERT INTO t VALUES (3); COMMIT;");
      expect(plain(await db.sql.query("SELECT a FROM t ORDER BY a"))).toEqual([[["a", "int4", 1]], [["a", "int4", 3]]]);
    });

    test("a transaction does not outlast its call", async ({ expect }) => {
      await using db = await open();
      await db.sql.batch("CREATE TABLE t (a integer)");
      await expect(db.sql.batch("BEGIN; INSERT INTO t VALUES (1)")).rejects.toMatchObject(
        refused(expect, "invalid-query", /^denied: /),
      );
      await expect(db.sql.query("BEGIN")).rejects.toMatchObject(refused(expect, "invalid-query", /^denied: /));
      expect(await db.sql.query("SELECT a FROM t")).toEqual([]);
    });

    test("exec runs a prepared statement and tells how many rows it concerned", async ({ expect }) => {
      await using db = await open();
      await db.sql.batch("CREATE TABLE t (a integer)");
      const insert = await db.sql.prepare("INSERT INTO t VALUES ($1), ($1 + 1)");
      expect(await db.sql.exec(insert, int4(1))).toBe(2n);
      expect(await db.sql.exec(insert, int4(10))).toBe(2n);
      const update = await db.sql.prepare("UPDATE t SET a = a + 1 WHERE a > $1");
      expect(await db.sql.exec(update, int4(2))).toBe(2n);
      expect(await db.sql.exec(update, int4(100))).toBe(0n);
      const select = await db.sql.prepare("SELECT a FROM t");
      expect(await db.sql.exec(select)).toBe(4n);
      const create = await db.sql.prepare("CREATE TABLE u (a integer)");
      expect(await db.sql.exec(create)).toBe(0n);
    });

    test("prepare checks the statement, and tokens are of one link only", async ({ expect }) => {
      await using db = await open({ max_prepared: 2 });
      await expect(db.sql.prepare("SELEKT 1")).rejects.toMatchObject(refused(expect, "unexpected", /syntax/));
      await expect(db.sql.prepare("SELECT a FROM missing")).rejects.toMatchObject(
        refused(expect, "unexpected", /missing/),
      );
      const unknown = { payload: { tag: "unknown-prepared-query" } };
      await expect(db.sql.exec("never made")).rejects.toMatchObject(unknown);
      const first = await db.sql.prepare("SELECT 1");
      await using other = await db.rig.bind({ component: "other", config: {} });
      await expect(sqlOf(other).exec(first)).rejects.toMatchObject(unknown);
      expect(await db.sql.exec(first)).toBe(1n);
      await db.sql.prepare("SELECT 2");
      await db.sql.prepare("SELECT 3");
      await expect(db.sql.exec(first)).rejects.toMatchObject(unknown);
    });

    test("errors say whose they are", async ({ expect }) => {
      await using db = await open({ max_statement: "1KiB" });
      await db.sql.batch("CREATE TABLE t (a integer PRIMARY KEY, d date); INSERT INTO t VALUES (1, NULL)");
      const query = (tag: string, pattern: RegExp): object => refused(expect, tag, pattern);
      for (const [sql, params, expected] of [
        ["SELEKT 1", [], query("invalid-query", /syntax/)],
        ["SELECT a FROM missing", [], query("invalid-query", /missing/)],
        ["SELECT 1; SELECT 2", [], query("invalid-query", /./)],
        [`SELECT '${"x".repeat(1024)}'`, [], query("invalid-query", /1024 bytes/)],
        ["SELECT 'a\0b'", [], query("invalid-query", /NUL/)],
        ["SELECT a FROM t WHERE a = $1", [], query("invalid-params", /parameter/)],
        ["SELECT a FROM t WHERE a = $1", [int4(1), int4(2)], query("invalid-params", /parameter/)],
        [
          "INSERT INTO t (d) VALUES ($1)",
          [{ tag: "date", val: { tag: "ymd", val: [2024, 13, 1] } }],
          query("invalid-params", /2024-13/),
        ],
        ["INSERT INTO t (a) VALUES ($1)", [{ tag: "numeric", val: "one" }], query("invalid-params", /"one"/)],
        ["INSERT INTO t (a) VALUES ($1)", [int4(1)], query("unexpected", /^constraint: /)],
      ] satisfies [string, PgValue[], object][]) {
        await expect(db.sql.query(sql, ...params), sql).rejects.toMatchObject(expected);
      }
      const insert = await db.sql.prepare("INSERT INTO t (a) VALUES ($1)");
      await expect(db.sql.exec(insert)).rejects.toMatchObject({
        payload: { tag: "query-error", val: { tag: "invalid-params" } },
      });
      await expect(db.sql.exec(insert, int4(1))).rejects.toMatchObject({
        payload: { tag: "query-error", val: { tag: "unexpected" } },
      });
      // Nothing of all that keeps it from going on.
      expect(plain(await db.sql.query("SELECT a FROM t"))).toEqual([[["a", "int4", 1]]]);
    });

    test("a result beyond the link's limits fails, and its statement changed nothing", async ({ expect }) => {
      await using db = await open({ max_rows: 400, max_result: "64KiB" });
      await db.sql.batch("CREATE TABLE t (a integer, b text)");
      const many = (count: number): string =>
        `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count}) `;
      await db.sql.query(`${many(400)} INSERT INTO t SELECT i, 'x' FROM n`);
      expect(await db.sql.query("SELECT a FROM t")).toHaveLength(400);
      const tooLarge = refused(expect, "unexpected", /^too-large: /);
      await expect(db.sql.query(`${many(401)} SELECT i FROM n`)).rejects.toMatchObject(tooLarge);
      await expect(db.sql.query(`${many(401)} INSERT INTO t SELECT i, 'y' FROM n RETURNING a`)).rejects.toMatchObject(
        tooLarge,
      );
      const long = "y".repeat(10_000);
      await db.sql.query("UPDATE t SET b = $1 WHERE a <= 7", text(long));
      await expect(db.sql.query("SELECT b FROM t WHERE a <= 7")).rejects.toMatchObject(tooLarge);
      expect(await db.sql.query("SELECT b FROM t WHERE a <= 6")).toHaveLength(6);
      expect(plain(await db.sql.query("SELECT count(*) AS n FROM t"))).toEqual([[["n", "int8", 400n]]]);
    });

    test("statements at the same time are all carried out", async ({ expect }) => {
      await using db = await open();
      await db.sql.batch("CREATE TABLE t (a integer PRIMARY KEY)");
      const numbers = Array.from({ length: 40 }, (_, i) => i);
      await Promise.all(numbers.map(async (number) => await db.sql.query("INSERT INTO t VALUES ($1)", int4(number))));
      const rows = await db.sql.query("SELECT a FROM t ORDER BY a");
      expect(rows.map(([entry]) => entry?.value.val)).toEqual(numbers);
    });

    test("a component uses it", async ({ expect }) => {
      await using rig = await subject.create();
      await using link = await rig.bind({ config: {} });
      await using component = await startSqlComponent(link);
      expect(await component.call("run", "boiler", [3, -1])).toBe(
        [
          "2",
          "sensor=text:boiler value=int4:-1 exact=float8:4503599627370496,-53,1",
          "sensor=text:boiler value=int4:3 exact=float8:4503599627370496,-53,1",
        ].join("\n"),
      );
      expect(await component.call("fail", "SELEKT 1")).toMatch(/^invalid-query:.*syntax/);
      // What its own numbers hold.
      const values = VALUES.filter(([, { tag }]) => tag !== "int8");
      await sqlOf(link).batch(`CREATE TABLE t (${values.map(([name], at) => `c${at} ${name}`).join(", ")})`);
      const places = values.map((_, at) => `$${at + 1}`).join(", ");
      const params = values.map(([, value]) => value);
      await component.call("pass", `INSERT INTO t VALUES (${places})`, params);
      const [row = []] = (await component.call("pass", "SELECT * FROM t", [])) as readonly (readonly Entry[])[];
      expect(row.map(({ value }) => toText(value))).toEqual(params.map(toText));
    });

    test("ending a link waits for its statements, and refuses further ones", async ({ expect }) => {
      await using rig = await subject.create();
      const link = await rig.bind({ config: {} });
      const sql = sqlOf(link);
      const made = sql.batch("CREATE TABLE t (a integer)");
      let settled = false;
      const noted = made.then(() => {
        settled = true;
      });
      await link[Symbol.asyncDispose]();
      await noted;
      expect(settled).toBe(true);
      await expect(sql.query("SELECT 1")).rejects.toMatchObject({ code: "ERR_PROVIDER_STOPPED" });
      await using again = await rig.bind({ config: {} });
      expect(await sqlOf(again).query("SELECT a FROM t")).toEqual([]);
    });
  });
}
