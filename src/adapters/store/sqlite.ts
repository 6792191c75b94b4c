// The only file that knows the SQLite driver. Everything else uses these few operations.

import BetterSqlite3 from "better-sqlite3";

export type SqlValue = string | number | Uint8Array | null;
export type SqlRow = Readonly<Record<string, SqlValue>>;

export interface Statement<Row = SqlRow> {
  run(...values: SqlValue[]): void;
  get(...values: SqlValue[]): Row | undefined;
  all(...values: SqlValue[]): Row[];
  /** Rows one by one. No other statement of the database may run before the loop is left. */
  iterate(...values: SqlValue[]): IterableIterator<Row>;
}

export interface Database {
  exec(sql: string): void;
  /** `Row` is the caller's promise about the columns of a STRICT table. */
  prepare<Row = SqlRow>(sql: string): Statement<Row>;
  /** Runs `work` in one transaction: everything it changed, or nothing when it throws. Not nestable. */
  transaction<T>(work: () => T): T;
  close(): void;
}

/** Why SQLite refused. `structure`: the SQL does not fit the database, such as a missing table. */
export type SqliteFault = "corrupt" | "busy" | "full" | "io" | "structure" | "other";

export class SqliteFailure extends Error {
  override readonly name = "SqliteFailure";
  readonly fault: SqliteFault;

  constructor(fault: SqliteFault, message: string, options?: ErrorOptions) {
    super(message, options);
    this.fault = fault;
  }
}

export function isSqliteFailure(error: unknown, ...faults: readonly SqliteFault[]): error is SqliteFailure {
  return error instanceof SqliteFailure && (faults.length === 0 || faults.includes(error.fault));
}

/**
 * Opens or creates a database file; nothing is read yet. `busyTimeout` is how long a locked database is waited for.
 * @throws SqliteFailure
 */
export function openDatabase(
  path: string,
  options: { readonly busyTimeout: number; readonly readonly?: boolean },
): Database {
  const inner = guarded(
    () => new BetterSqlite3(path, { timeout: options.busyTimeout, readonly: options.readonly ?? false }),
  );
  return {
    exec: (sql) => guarded(() => void inner.exec(sql)),
    prepare: <Row>(sql: string) => wrapStatement(guarded(() => inner.prepare<SqlValue[], Row>(sql))),
    transaction: (work) => {
      guarded(() => inner.exec("BEGIN IMMEDIATE"));
      try {
        const result = work();
        guarded(() => inner.exec("COMMIT"));
        return result;
      } catch (error) {
        // A full disk or an I/O error may have rolled back already.
        if (inner.inTransaction) guarded(() => inner.exec("ROLLBACK"));
        throw error;
      }
    },
    close: () => guarded(() => void inner.close()),
  };
}

function wrapStatement<Row>(inner: BetterSqlite3.Statement<SqlValue[], Row>): Statement<Row> {
  return {
    run: (...values) => guarded(() => void inner.run(...values)),
    get: (...values) => guarded(() => inner.get(...values)),
    all: (...values) => guarded(() => inner.all(...values)),
    *iterate(...values) {
      const rows = guarded(() => inner.iterate(...values));
      try {
        for (;;) {
          const step = guarded(() => rows.next());
          if (step.done === true) return;
          yield step.value;
        }
      } finally {
        rows.return?.();
      }
    },
  };
}

function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof BetterSqlite3.SqliteError) {
      throw new SqliteFailure(faultOf(error.code), `${error.message} (${error.code})`, { cause: error });
    }
    throw error;
  }
}

/** Sorts SQLite's extended result codes; see https://www.sqlite.org/rescode.html. */
export function faultOf(code: string): SqliteFault {
  if (/^SQLITE_(CORRUPT|NOTADB)/.test(code)) return "corrupt";
  if (/^SQLITE_(BUSY|LOCKED)/.test(code)) return "busy";
  if (code === "SQLITE_FULL") return "full";
  // A page that the medium no longer gives, or that was cut off, is lost; the others can still be read.
  if (code === "SQLITE_IOERR_READ" || code === "SQLITE_IOERR_SHORT_READ") return "corrupt";
  if (/^SQLITE_(IOERR|CANTOPEN|READONLY|PERM|NOLFS)/.test(code)) return "io";
  if (code === "SQLITE_ERROR" || code === "SQLITE_SCHEMA") return "structure";
  return "other";
}
