import { createHash } from "node:crypto";
import { millis, type Clock } from "#provider";
import type { PostgresConfig } from "../config.ts";
import type { ResultLimits, ResultRow, SqlEngine } from "../engine.ts";
import { denied, failure, paramsFault } from "../sql-fault.ts";
import { fromText, HSTORE, readingOf, toText, type PgValue, type Reading } from "../values/types.ts";
import type { Connection } from "./connection.ts";
import { endsConnection, isServerError, outdatesKept, toFault } from "./faults.ts";
import type { Pool } from "./pool.ts";
import { Batch, Preparation, Statement, type Outcome } from "./wire.ts";

export interface PostgresEngineDeps {
  readonly pool: Pool;
  readonly config: PostgresConfig;
  readonly clock: Clock;
}

/** What the server may be late with its own end of a statement. */
const GRACE = 1000;
/** PostgreSQL's types start where extensions' end. */
const FIRST_OF_EXTENSIONS = 16_384;
const MAX_PARAMS = 65_535;

/** Statements that leave nothing behind in the session. CREATE does, of what is temporary. */
const HARMLESS = /^(SELECT|INSERT|UPDATE|DELETE|MERGE|ALTER|DROP|TRUNCATE|COMMENT|REFRESH|EXPLAIN|SHOW)\b/;
/** Statements that mean nothing when the session ends after them. */
const OF_TRANSACTIONS = /^(BEGIN|START TRANSACTION|SAVEPOINT|RELEASE|ROLLBACK|COMMIT|PREPARE TRANSACTION|DECLARE)\b/;

export function createPostgresEngine({ pool, config, clock }: PostgresEngineDeps): SqlEngine {
  /** By type of an extension, as far as it was asked for. */
  const extensions = new Map<number, Reading | undefined>();

  async function run<T>(withValues: boolean, work: (connection: Connection, discard: () => void) => Promise<T>) {
    return await pool.use(async (connection, discard) => {
      const timer = new AbortController();
      let late = false;
      clock.sleep(millis(config.statement_timeout + GRACE), timer.signal).then(
        () => {
          late = true;
          connection.destroy();
        },
        () => {},
      );
      try {
        return await work(connection, discard);
      } catch (error) {
        if (isServerError(error) && (endsConnection(error) || outdatesKept(error))) discard();
        if (late) throw failure("timeout", "the database did not answer; what the statement did is not known", error);
        throw toFault(error, withValues);
      } finally {
        timer.abort();
      }
    });
  }

  /** A result of a statement that went its way alone. */
  function settle({ command, fields }: Outcome, discard: () => void): void {
    if (command === undefined) return;
    // Without columns it has made a table, by INTO or AS, which may be temporary.
    const makesTable = command.startsWith("SELECT") && fields.length === 0;
    if (HARMLESS.test(command) && !makesTable) return;
    discard();
    if (OF_TRANSACTIONS.test(command)) {
      throw denied(`a transaction ends with the call; want "${command}" in a batch that ends it`);
    }
  }

  async function readingsOf(connection: Connection, { fields }: Outcome): Promise<readonly (Reading | undefined)[]> {
    const unknown = fields
      .map(({ dataTypeID }) => dataTypeID)
      .filter((oid) => oid >= FIRST_OF_EXTENSIONS && !extensions.has(oid));
    for (const oid of new Set(unknown)) {
      const text = "SELECT typname::text FROM pg_catalog.pg_type WHERE oid = $1::oid";
      const limits = { rows: 1, bytes: 1000 };
      const { rows } = await connection.run(new Statement({ text, name: "", values: [String(oid)], limits }));
      extensions.set(oid, rows[0]?.[0] === "hstore" ? HSTORE : undefined);
    }
    return fields.map(({ dataTypeID }) => readingOf(dataTypeID) ?? extensions.get(dataTypeID));
  }

  function toRows({ fields, rows }: Outcome, readings: readonly (Reading | undefined)[]): ResultRow[] {
    return rows.map((row) =>
      row.map((text, at) => ({
        columnName: fields[at]?.name ?? "",
        value: text === null ? { tag: "null" } : fromText(readings[at], text),
      })),
    );
  }

  const statement = (
    text: string,
    params: readonly PgValue[],
    more: { readonly name: string; readonly limits: ResultLimits | undefined },
  ): Statement => {
    if (params.length > MAX_PARAMS) throw paramsFault(`a statement has at most ${MAX_PARAMS} parameters`);
    return new Statement({ text, values: params.map(toText), ...more });
  };

  return {
    query: async (sql, params, limits) => {
      const work = statement(sql, params, { name: "", limits });
      return await run(params.length > 0, async (connection, discard) => {
        const outcome = await connection.run(work);
        settle(outcome, discard);
        return toRows(outcome, await readingsOf(connection, outcome));
      });
    },
    execute: async (sql, params) => {
      const work = statement(sql, params, { name: nameOf(sql), limits: undefined });
      return await run(params.length > 0, async (connection, discard) => {
        const outcome = await connection.run(work);
        settle(outcome, discard);
        return BigInt(/ (\d+)$/.exec(outcome.command ?? "")?.[1] ?? 0);
      });
    },
    batch: async (sql) => {
      await run(false, async (connection, discard) => {
        // Whatever it set ends with the session.
        discard();
        await connection.run(new Batch(sql));
        if (connection.isInTransaction()) throw denied("the batch left a transaction open, which was undone");
      });
    },
    prepare: async (sql) => {
      await run(false, async (connection) => {
        await connection.run(new Preparation(nameOf(sql), sql));
      });
    },
  };
}

/** The same for the same statement, so that the links share what the server keeps. */
const nameOf = (sql: string): string => `petiole_${createHash("sha256").update(sql).digest("hex").slice(0, 40)}`;
