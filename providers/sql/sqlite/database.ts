// A database as components use it. Runs in a thread of its own.

import { DatabaseSync, constants, type SQLOutputValue, type StatementSync } from "node:sqlite";
import type { ResultRow } from "../engine.ts";
import { SqlFault, denied, failure, paramsFault, queryFault } from "../sql-fault.ts";
import { judgeAction } from "./guard.ts";
import type { SqliteReplies, SqliteRequest, SqliteWorkerOptions } from "./protocol.ts";
import { scanSql, withoutFrame, type ScannedStatement } from "./scan.ts";
import { columnReader, sizeOf, toSqlite } from "./values.ts";
import type { PgValue } from "../values/types.ts";

/** Says before a change is kept whether it still may be, and between rows whether to go on. */
export interface Course {
  isGivenUp(): boolean;
  /** Once true, it is too late to give up. */
  mayKeep(): boolean;
}

export interface SqliteDatabase {
  /** After `close` it is of no use any more. @throws SqlFault */
  carryOut(request: SqliteRequest, course: Course): SqliteReplies[keyof SqliteReplies];
}

const PAGE = 4096;
const LONGEST_VALUE = 16 * 1024 * 1024;
const MAX_PARAMS = 32_766;
const COUNTED = new Set(["INSERT", "UPDATE", "DELETE", "REPLACE", "WITH"]);

/** Opens or makes the file. Throws what SQLite throws. */
export function openSqliteDatabase(options: SqliteWorkerOptions): SqliteDatabase {
  const db = new DatabaseSync(options.file, {
    timeout: options.busyTimeout,
    readBigInts: true,
    returnArrays: true,
    enableForeignKeyConstraints: true,
    enableDoubleQuotedStringLiterals: false,
    allowExtension: false,
    allowUnknownNamedParameters: true,
  });
  try {
    db.enableDefensive(true);
    db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${options.sync}; PRAGMA trusted_schema = OFF`);
    db.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(options.maxSize / pageSize(db)))}`);
    db.limits.length = LONGEST_VALUE;
    db.limits.attach = 0;
  } catch (error) {
    db.close();
    throw error;
  }
  let own = true;
  db.setAuthorizer((action, first, second) => (own ? constants.SQLITE_OK : judgeAction(action, first, second)));

  /** Runs what a component asks for. */
  function guarded<T>(work: () => T): T {
    own = false;
    try {
      return work();
    } finally {
      own = true;
    }
  }

  /** Everything, or nothing when `work` throws or time is up. */
  function transaction<T>(course: Course, begin: string, work: () => T): T {
    db.exec(begin);
    try {
      const result = guarded(work);
      if (!course.mayKeep()) throw givenUp();
      db.exec("COMMIT");
      return result;
    } catch (error) {
      // A full disk may have undone it already.
      if (db.isTransaction) db.exec("ROLLBACK");
      throw error;
    }
  }

  function prepare({ text, keyword }: ScannedStatement): StatementSync {
    // SQLite does not ask whether it may.
    if (keyword === "VACUUM") throw notForComponents();
    return db.prepare(text);
  }

  function bound(statement: ScannedStatement, params: readonly PgValue[]) {
    if (params.length > MAX_PARAMS) throw paramsFault(`a statement has at most ${MAX_PARAMS} parameters`);
    if (params.length !== statement.params) {
      throw paramsFault(`the statement has ${statement.params} parameters, ${params.length} were given`);
    }
    return Object.fromEntries(params.map((value, at) => [`$${at + 1}`, toSqlite(value)]));
  }

  function query(request: Extract<SqliteRequest, { kind: "query" }>, course: Course): ResultRow[] {
    const scanned = single(request.sql);
    if (scanned === undefined) return [];
    const values = bound(scanned, request.params);
    return transaction(course, "BEGIN", () => {
      const statement = prepare(scanned);
      const columns = statement.columns().map(({ name, type }) => ({ name, read: columnReader(type) }));
      if (columns.length === 0) {
        statement.run(values);
        return [];
      }
      const names = columns.reduce((sum, { name }) => sum + name.length, 0);
      const rows: ResultRow[] = [];
      let bytes = 0;
      for (const raw of statement.iterate(values)) {
        if (course.isGivenUp()) throw givenUp();
        // As `returnArrays` has it.
        const row = raw as unknown as readonly SQLOutputValue[];
        bytes += row.reduce<number>((sum, value) => sum + sizeOf(value), names);
        if (rows.length === request.limits.rows) throw tooLarge(`${request.limits.rows} rows`);
        if (bytes > request.limits.bytes) throw tooLarge(`${request.limits.bytes} bytes`);
        rows.push(columns.map(({ name, read }, at) => ({ columnName: name, value: read(row[at] ?? null) })));
      }
      return rows;
    });
  }

  function execute(request: Extract<SqliteRequest, { kind: "execute" }>, course: Course): bigint {
    const scanned = single(request.sql);
    if (scanned === undefined) return 0n;
    const values = bound(scanned, request.params);
    return transaction(course, "BEGIN", () => {
      const statement = prepare(scanned);
      if (statement.columns().length === 0) {
        const { changes } = statement.run(values);
        return COUNTED.has(scanned.keyword) ? BigInt(changes) : 0n;
      }
      let count = 0n;
      for (const _row of statement.iterate(values)) {
        if (course.isGivenUp()) throw givenUp();
        count += 1n;
      }
      return count;
    });
  }

  function batch(sql: string, course: Course): undefined {
    const statements = withoutFrame(scanSql(sql));
    if (statements.some(({ params }) => params > 0)) throw queryFault("a batch has no parameters");
    transaction(course, "BEGIN IMMEDIATE", () => {
      for (const statement of statements) {
        if (course.isGivenUp()) throw givenUp();
        prepare(statement).run();
      }
    });
    return undefined;
  }

  function check(sql: string): undefined {
    const scanned = single(sql);
    if (scanned !== undefined) guarded(() => prepare(scanned));
    return undefined;
  }

  function perform(request: SqliteRequest, course: Course): SqliteReplies[keyof SqliteReplies] {
    switch (request.kind) {
      case "query":
        return query(request, course);
      case "execute":
        return execute(request, course);
      case "batch":
        return batch(request.sql, course);
      case "prepare":
        return check(request.sql);
      case "close":
        db.close();
    }
    return undefined;
  }

  return {
    carryOut: (request, course) => {
      try {
        return perform(request, course);
      } catch (error) {
        throw toFault(error);
      }
    },
  };
}

function pageSize(db: DatabaseSync): number {
  const row = db.prepare("PRAGMA page_size").get() as unknown as readonly bigint[] | undefined;
  return Number(row?.[0] ?? PAGE);
}

const notForComponents = (): SqlFault => denied("this statement, or a part of it, is not for components");
const givenUp = (): SqlFault => failure("timeout", "the statement took too long, and changed nothing");
const tooLarge = (limit: string): SqlFault => failure("too-large", `the result has more than ${limit}`);

/** @throws SqlFault when there are several */
function single(sql: string): ScannedStatement | undefined {
  const [first, second] = scanSql(sql);
  if (second !== undefined) throw queryFault("there are several statements; want a batch for them");
  return first;
}

interface SqliteError {
  readonly errcode: number;
  readonly message: string;
}

const isSqliteError = (error: unknown): error is SqliteError =>
  error instanceof Error && "errcode" in error && typeof error.errcode === "number";

/** By result code; see https://www.sqlite.org/rescode.html. */
function toFault(error: unknown): SqlFault {
  if (error instanceof SqlFault) return error;
  if (!isSqliteError(error)) {
    if (error instanceof RangeError || error instanceof TypeError) return paramsFault(error.message);
    return failure("failed", "the statement could not be carried out", error);
  }
  const { errcode, message } = error;
  switch (errcode & 0xff) {
    case 1:
      return message.startsWith("not authorized") ? notForComponents() : queryFault(message);
    case 5:
    case 6:
      return failure("busy", message, error);
    case 13:
      return failure("full", message, error);
    case 18:
      return failure("too-large", message, error);
    case 19:
      return failure("constraint", message, error);
    case 20:
    case 25:
      return paramsFault(message);
    case 23:
      return notForComponents();
    case 10:
    case 14:
      return failure("unreachable", "the file of the database cannot be used", error);
    default:
      return failure("failed", message, error);
  }
}
