// Pins `wasmcloud:postgres` on a real PostgreSQL: its types, its errors, and what becomes of calls when it goes away.

import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { afterAll, beforeAll, describe, test } from "vitest";
import { Client } from "pg";
import { createSqlPostgresProvider } from "../../../providers/sql/postgres.ts";
import { toText, type PgValue } from "../../../providers/sql/values/types.ts";
import { int4, plain, refused, sqlOf, sqlSuite, type Sql } from "../../conformance/sql/suite.ts";
import { createAuthority } from "../../support/certificates.ts";
import { tempFolder } from "../../support/processes.ts";
import { startPostgres, testPostgresFolder, type TestPostgres } from "../../support/postgres.ts";
import {
  recordingLogger,
  startProvider,
  type BoundLink,
  type Rig,
  type RigOptions,
} from "../../support/provider-rig.ts";
import { startSqlComponent } from "../../support/sql-component.ts";
import { waitFor } from "../../support/wait-for.ts";

const folder = await testPostgresFolder();
const skip = folder === undefined ? "there is no PostgreSQL" : undefined;

let server: TestPostgres;
let databases = 0;

beforeAll(async () => {
  if (folder !== undefined) server = await startPostgres({ folder });
}, 120_000);
afterAll(async () => {
  if (folder !== undefined) await server[Symbol.asyncDispose]();
});

async function makeDatabase(on: TestPostgres): Promise<string> {
  databases += 1;
  const name = `test${databases}`;
  const client = new Client({
    host: "127.0.0.1",
    port: on.port,
    user: on.user,
    password: PASSWORD,
    database: "postgres",
  });
  await client.connect();
  await client.query(`CREATE DATABASE ${name}`);
  await client.end();
  return name;
}
const PASSWORD = "secret of the test";

interface More {
  readonly on?: TestPostgres;
  readonly config?: object;
  readonly rig?: RigOptions;
}

async function start({ on = server, config = {}, rig = {} }: More = {}): Promise<Rig> {
  const database = await makeDatabase(on);
  return await startProvider(
    createSqlPostgresProvider,
    {
      host: "127.0.0.1",
      port: on.port,
      user: on.user,
      database,
      password_file: on.passwordFile,
      tls: false,
      reconnect: { initial: "20ms", max: "100ms" },
      // Of a busy machine.
      connect_timeout: "20s",
      statement_timeout: "30s",
      ...config,
    },
    rig,
  );
}

sqlSuite({ name: "PostgreSQL", skip, create: async () => await start() });

describe.skipIf(skip !== undefined)("createSqlPostgresProvider()", () => {
  async function open(more: More = {}): Promise<AsyncDisposable & { readonly sql: Sql; readonly link: BoundLink }> {
    await using stack = new AsyncDisposableStack();
    const rig = stack.use(await start(more));
    const link = stack.use(await rig.bind({ config: {} }));
    const owned = stack.move();
    return { sql: sqlOf(link), link, [Symbol.asyncDispose]: async () => await owned.disposeAsync() };
  }

  const f = (mantissa: bigint, exponent: number, sign = 1): readonly [bigint, number, number] => [
    mantissa,
    exponent,
    sign,
  ];
  const ONE = f(4_503_599_627_370_496n, -52);
  const TWO = f(4_503_599_627_370_496n, -51);
  const ZERO = f(0n, -1075);
  const day = (year: number, month: number, date: number) => ({ tag: "ymd", val: [year, month, date] });

  /** What the conformance suite leaves out, as SQLite has no such types of its own. */
  const TYPES: readonly (readonly [string, PgValue])[] = [
    ["float8", { tag: "float8", val: f(4_503_599_627_370_496n, 972, -1) }],
    ["numeric", { tag: "numeric", val: "123456789012345678901234567890.000000000001" }],
    ["numeric", { tag: "numeric", val: "NaN" }],
    ["bit(10)", { tag: "bit", val: [10, new Uint8Array([0b1010_0000, 0b0100_0000])] }],
    ["varbit", { tag: "varbit", val: [3, new Uint8Array([0b1010_0000])] }],
    ["macaddr8", { tag: "macaddr8", val: { bytes: [1, 2, 3, 4, 5, 6, 7, 255] } }],
    ["point", { tag: "point", val: [ONE, TWO] }],
    [
      "box",
      {
        tag: "box",
        val: [
          [ZERO, ONE],
          [ONE, TWO],
        ],
      },
    ],
    ["circle", { tag: "circle", val: [[ONE, ONE], TWO] }],
    [
      "lseg",
      {
        tag: "lseg",
        val: [
          [ONE, ONE],
          [TWO, TWO],
        ],
      },
    ],
    [
      "line",
      {
        tag: "line",
        val: [
          [ZERO, ONE],
          [ONE, TWO],
        ],
      },
    ],
    [
      "path",
      {
        tag: "path",
        val: [
          [ONE, ONE],
          [TWO, TWO],
          [ONE, TWO],
        ],
      },
    ],
    [
      "polygon",
      {
        tag: "polygon",
        val: [
          [ONE, ONE],
          [TWO, TWO],
          [ONE, TWO],
        ],
      },
    ],
    ["date", { tag: "date", val: { tag: "negative-infinity" } }],
    ["date", { tag: "date", val: day(-43, 3, 15) }],
    [
      "daterange",
      {
        tag: "interval",
        val: { start: day(2024, 1, 1), startInclusive: true, end: day(2024, 2, 1), endInclusive: false },
      },
    ],
    ["timetz", { tag: "time-tz", val: { timesonze: "+02", time: { hour: 1, min: 2, sec: 3, micro: 4 } } }],
    [
      "timestamptz",
      {
        tag: "timestamp-tz",
        val: {
          timestamp: { date: day(2024, 6, 1), time: { hour: 10, min: 0, sec: 0, micro: 500_000 } },
          offset: { tag: "western-hemisphere-secs", val: 0 },
        },
      },
    ],
    ["money", { tag: "money", val: "-1234.50" }],
    ["pg_lsn", { tag: "pg-lsn", val: 0x16_b374_d848n }],
    ["pg_snapshot", { tag: "pg-snapshot", val: [10n, 20n, [10n, 14n]] }],
    ["name", { tag: "name", val: "a name" }],
    ["xml", { tag: "xml", val: "<a>b</a>" }],
    ["tsquery", { tag: "ts-query", val: "'fat' & 'rat'" }],
    [
      "tsvector",
      {
        tag: "ts-vector",
        val: [
          { position: 1, weight: "A", data: "it's" },
          { position: 3, weight: "D", data: "it's" },
          { position: undefined, weight: undefined, data: "rat" },
        ],
      },
    ],
    ["int2vector", { tag: "int2-vector", val: [1, 2, 3] }],
    ["bool[]", { tag: "bool-array", val: [true, false] }],
    ["int8[]", { tag: "int8-array", val: [1n, -1n] }],
    ["float8[]", { tag: "float8-array", val: [ONE, ZERO] }],
    ["numeric[]", { tag: "numeric-array", val: ["1.10", "-2"] }],
    ["bytea[]", { tag: "bytea-array", val: [new Uint8Array([0, 255]), new Uint8Array()] }],
    [
      "box[]",
      {
        tag: "box-array",
        val: [
          [
            [ZERO, ONE],
            [ONE, TWO],
          ],
          [
            [ZERO, ZERO],
            [ONE, ONE],
          ],
        ],
      },
    ],
    ["date[]", { tag: "date-array", val: [day(2024, 1, 1), { tag: "positive-infinity" }] }],
    ["uuid[]", { tag: "uuid-array", val: ["0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"] }],
    ["jsonb[]", { tag: "jsonb-array", val: ['{"a": 1}', '"x,y"'] }],
    [
      "hstore",
      {
        tag: "hstore",
        val: [
          ["a", 'b "c" \\'],
          ["n", undefined],
        ],
      },
    ],
  ];

  test("maps each of PostgreSQL's types to its case and back", async ({ expect }) => {
    await using db = await open();
    const [hstore] = plain(
      await db.sql.query("SELECT count(*) AS n FROM pg_available_extensions WHERE name = 'hstore'"),
    );
    const types =
      (hstore as [[string, string, bigint]])[0][2] === 0n ? TYPES.filter(([name]) => name !== "hstore") : TYPES;
    if (types === TYPES) await db.sql.batch("CREATE EXTENSION hstore");
    await db.sql.batch(`CREATE TABLE t (${types.map(([name], at) => `c${at} ${name}`).join(", ")})`);
    const places = types.map((_, at) => `$${at + 1}`).join(", ");
    await db.sql.query(`INSERT INTO t VALUES (${places})`, ...types.map(([, value]) => value));
    const [row = []] = await db.sql.query("SELECT * FROM t");
    expect(row.map(({ value }) => value)).toEqual(types.map(([, value]) => value));
    // And through a component, as far as its own numbers hold them.
    await using component = await startSqlComponent(db.link);
    const [passed = []] = (await component.call("pass", "SELECT * FROM t", [])) as (typeof row)[];
    const inexact = new Set<string>(["int8-array"]);
    for (const [at, { value }] of passed.entries()) {
      if (!inexact.has(value.tag)) expect(toText(value), value.tag).toEqual(toText(row[at]?.value ?? { tag: "null" }));
    }
  });

  test("gives what the contract has no case for as text, and takes it so", async ({ expect }) => {
    await using db = await open();
    await db.sql.batch("CREATE TYPE mood AS ENUM ('sad', 'glad'); CREATE TABLE t (a interval, b int4range, c mood)");
    const values = ["1 day 02:00:00", "[1,5)", "glad"].map((val): PgValue => ({ tag: "text", val }));
    await db.sql.query("INSERT INTO t VALUES ($1, $2, $3)", ...values);
    expect((await db.sql.query("SELECT * FROM t"))[0]?.map(({ value }) => value)).toEqual(values);
  });

  test("says of values that no case can hold what they are", async ({ expect }) => {
    await using db = await open();
    for (const sql of ["SELECT ARRAY[1, NULL]", "SELECT ARRAY[[1], [2]]", "SELECT 'empty'::daterange"]) {
      await expect(db.sql.query(sql)).rejects.toMatchObject(refused(expect, "unexpected", /^unrepresentable: /));
    }
    expect(plain(await db.sql.query("SELECT ARRAY[1, NULL]::text AS a"))).toEqual([[["a", "text", "{1,NULL}"]]]);
  });

  test("a timestamp with a time zone is the local time there", async ({ expect }) => {
    await using db = await open();
    const timestamp = { date: day(2024, 6, 1), time: { hour: 12, min: 0, sec: 0, micro: 0 } };
    const offset = { tag: "eastern-hemisphere-secs", val: 7200 };
    const rows = await db.sql.query("SELECT $1::timestamptz::text AS t", {
      tag: "timestamp-tz",
      val: { timestamp, offset },
    });
    expect(plain(rows)).toEqual([[["t", "text", "2024-06-01 10:00:00+00"]]]);
  });

  test("nothing that one call sets is there in another", async ({ expect }) => {
    await using db = await open({ config: { max_connections: 1 } });
    const shown = async () => plain(await db.sql.query("SHOW work_mem"));
    const before = await shown();
    await db.sql.query("SET work_mem = '1MB'");
    await db.sql.batch("SET work_mem = '2MB'");
    await db.sql.query("LISTEN something");
    await db.sql.query("CREATE TEMP TABLE pg_made (a integer)");
    await db.sql.query("SELECT 1 AS a INTO TEMP pg_selected");
    await db.sql.exec(await db.sql.prepare("CREATE TEMP TABLE pg_copied AS SELECT 1 AS a"));
    expect(await db.sql.query("SELECT 1 FROM pg_class WHERE relpersistence = 't'")).toEqual([]);
    const denial = refused(expect, "invalid-query", /^denied: /);
    await expect(db.sql.query("COPY pg_type FROM STDIN")).rejects.toMatchObject(denial);
    expect(await db.sql.query("COPY (SELECT 1) TO STDOUT")).toEqual([]);
    expect(await shown()).toEqual(before);
  });

  test("a prepared statement works again after its table changed", async ({ expect }) => {
    await using db = await open({ config: { max_connections: 1 } });
    await db.sql.batch("CREATE TABLE t (a integer)");
    const all = await db.sql.prepare("SELECT * FROM t");
    expect(await db.sql.exec(all)).toBe(0n);
    await db.sql.query("ALTER TABLE t ADD b integer");
    await expect(db.sql.exec(all)).rejects.toMatchObject({ payload: { tag: "query-error" } });
    expect(await db.sql.exec(all)).toBe(0n);
  });

  test("a server that stands still after the login is given up", async ({ expect }) => {
    const connections = new Set<Socket>();
    // AuthenticationOk and ReadyForQuery, whatever it is told.
    const still = createServer((socket) => {
      connections.add(socket.on("error", () => {}));
      socket.once("data", () => socket.write(Buffer.from("R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I", "latin1")));
    });
    await once(still.listen(0, "127.0.0.1"), "listening");
    const { port } = still.address() as AddressInfo;
    const config = { host: "127.0.0.1", port, user: "u", database: "d", tls: false, connect_timeout: "200ms" };
    await using rig = await startProvider(createSqlPostgresProvider, config);
    await using link = await rig.bind({ config: {} });
    await expect(sqlOf(link).query("SELECT 1")).rejects.toMatchObject(refused(expect, "unexpected", /^unreachable: /));
    for (const socket of connections) socket.destroy();
    still.close();
  });

  test("a statement that takes too long fails, and the next one works", async ({ expect }) => {
    await using db = await open({ config: { statement_timeout: "100ms", max_connections: 1 } });
    await expect(db.sql.query("SELECT pg_sleep(60)")).rejects.toMatchObject(
      refused(expect, "unexpected", /^timeout: /),
    );
    await waitFor("the next one", async () => (await db.sql.query("SELECT 1 AS one")).length === 1);
  });

  test("a value larger than a result may be is not waited for", async ({ expect }) => {
    await using db = await open({ config: { statement_timeout: "1m" } });
    const tooLarge = refused(expect, "unexpected", /^too-large: a row/);
    await expect(db.sql.query("SELECT repeat('x', 30000000)")).rejects.toMatchObject(tooLarge);
    await expect(db.sql.batch("SELECT repeat('x', 30000000)")).rejects.toMatchObject(tooLarge);
    expect(await db.sql.query("SELECT 1")).toHaveLength(1);
  });

  test("statements wait for a connection, as many as may", async ({ expect }) => {
    await using db = await open({ config: { max_connections: 1, queue: 1 } });
    await db.sql.query("SELECT 1");
    const slow = db.sql.query("SELECT pg_sleep(0.5)");
    const waits = db.sql.query("SELECT 2 AS two");
    await expect(db.sql.query("SELECT 3")).rejects.toMatchObject(refused(expect, "unexpected", /^busy: /));
    await slow;
    expect(plain(await waits)).toEqual([[["two", "int4", 2]]]);
  });

  test("over TLS, only with a server that its authorities vouch for; one that does not answer is given up", async ({
    expect,
  }) => {
    await using stack = new AsyncDisposableStack();
    const temp = stack.use(await tempFolder());
    const authority = await createAuthority(temp.path);
    const other = await createAuthority(temp.path, "other");
    const own = stack.use(
      await startPostgres({ folder: folder ?? "", tls: await authority.server("server"), config: ["ssl = on"] }),
    );
    const config = { statement_timeout: "500ms", max_connections: 1 };
    const strange = stack.use(await open({ on: own, config: { ...config, tls: { ca_file: other.ca } } }));
    await expect(strange.sql.query("SELECT 1")).rejects.toMatchObject(refused(expect, "unexpected", /^unreachable: /));
    const misnamed = { ...config, host: "localhost", tls: { ca_file: authority.ca, server_name: "db.example" } };
    const named = stack.use(await open({ on: own, config: misnamed }));
    await expect(named.sql.query("SELECT 1")).rejects.toMatchObject(refused(expect, "unexpected", /^unreachable: /));
    const db = stack.use(await open({ on: own, config: { ...config, tls: { ca_file: authority.ca } } }));
    const ssl = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    const encrypted = await waitFor("an answer", async () => plain(await db.sql.query(ssl)));
    expect(encrypted).toEqual([[["ssl", "bool", true]]]);
    await own.freeze();
    await expect(db.sql.query("SELECT 1")).rejects.toMatchObject(refused(expect, "unexpected", /^timeout: /));
    await own.thaw();
    await waitFor("the database", async () => (await db.sql.query("SELECT 1")).length === 1);
  });

  test("the server is killed: calls fail at once, and work again when it is back", async ({ expect }) => {
    await using own = await startPostgres({ folder: folder ?? "" });
    const log = recordingLogger();
    await using db = await open({ on: own, rig: { log } });
    await db.sql.batch("CREATE TABLE t (a integer)");
    const insert = await db.sql.prepare("INSERT INTO t VALUES ($1)");
    expect(await db.sql.exec(insert, int4(1))).toBe(1n);
    const running = expect(db.sql.query("SELECT pg_sleep(60)")).rejects.toMatchObject(
      refused(expect, "unexpected", /^unreachable: /),
    );
    await own.kill();
    await running;
    const unreachable = refused(expect, "unexpected", /^unreachable: /);
    await expect(db.sql.query("SELECT 1")).rejects.toMatchObject(unreachable);
    await expect(db.sql.query("SELECT 1")).rejects.toMatchObject(unreachable);
    await expect(db.sql.exec(insert, int4(2))).rejects.toMatchObject({
      payload: { tag: "query-error", val: { tag: "unexpected" } },
    });
    await own.start();
    await waitFor("the database to be reached again", () =>
      log.records.some(({ message }) => message === "The database can be reached again"),
    );
    // The token is as good as before, on a server that knows nothing of it.
    expect(await db.sql.exec(insert, int4(2))).toBe(1n);
    expect(log.records.filter(({ message }) => message.startsWith("Cannot reach the database"))).toHaveLength(1);
  });

  test("starts without a server, and with a wrong password, and says no more of it than it must", async ({
    expect,
  }) => {
    const log = recordingLogger();
    await using rig = await start({ config: { password_file: "/dev/null" }, rig: { log } });
    await using link = await rig.bind({ config: {} });
    await expect(sqlOf(link).query("SELECT 1")).rejects.toMatchObject(
      refused(expect, "unexpected", /^unreachable: there is no connection to the database$/),
    );
    await waitFor("the log", () => log.records.length > 0);
    expect(JSON.stringify(log.records)).not.toContain(PASSWORD);
  });
});
