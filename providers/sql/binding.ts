import { randomBytes } from "node:crypto";
import { PetioleError, WitError, createInFlight, type Binding, type LinkContext } from "#provider";
import type { LinkConfig } from "./config.ts";
import type { SqlEngine } from "./engine.ts";
import { SqlFault, queryFault } from "./sql-fault.ts";
import type { PgValue } from "./values/types.ts";

export const QUERY = "wasmcloud:postgres/query";
export const PREPARED = "wasmcloud:postgres/prepared";

/** The variant `query-error`. */
function queryError({ kind, message }: SqlFault): { readonly tag: string; readonly val: string } {
  if (kind === "params") return { tag: "invalid-params", val: message };
  return { tag: kind === "query" ? "invalid-query" : "unexpected", val: message };
}

/** What `work` gives; a fault of it as the interface has it, anything else as it is. */
async function answered<T>(work: Promise<T>, toError: (fault: SqlFault) => unknown): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof SqlFault) throw new WitError(toError(error));
    throw error;
  }
}

const execError = (fault: SqlFault): unknown => ({ tag: "query-error", val: queryError(fault) });
const prepareError = ({ message }: SqlFault): unknown => ({ tag: "unexpected", val: message });

/** Serves `wasmcloud:postgres` to one component. Prepared statements are its own, and end with the link. */
export function bindSql({ component, config }: LinkContext<LinkConfig>, engine: SqlEngine): Binding {
  const prepared = new Map<string, string>();
  const calls = createInFlight();
  let ended = false;

  /** Runs work that ending the link waits for. */
  const track = async <T>(work: () => Promise<T>): Promise<T> => {
    if (ended) throw new PetioleError("ERR_PROVIDER_STOPPED", `Cannot query for "${component}": its link has ended`);
    return await calls.track(work());
  };
  const checked = async (sql: string): Promise<string> => {
    if (Buffer.byteLength(sql) > config.max_statement) {
      throw queryFault(`a statement has at most ${config.max_statement} bytes`);
    }
    // It would end the text in what is sent to a server.
    if (sql.includes("\0")) throw queryFault("a statement has no NUL");
    return sql;
  };
  const limits = { rows: config.max_rows, bytes: config.max_result };

  return {
    functions: {
      [QUERY]: {
        query: async (sql: string, params: readonly PgValue[]) =>
          await track(async () => {
            const work = checked(sql).then(async (text) => await engine.query(text, params, limits));
            return await answered(work, queryError);
          }),
        "query-batch": async (sql: string) =>
          await track(async () => {
            const work = checked(sql).then(async (text) => await engine.batch(text));
            return await answered(work, queryError);
          }),
      },
      [PREPARED]: {
        prepare: async (sql: string) =>
          await track(async () => {
            const work = checked(sql).then(async (text) => await engine.prepare(text));
            await answered(work, prepareError);
            const token = randomBytes(16).toString("hex");
            prepared.set(token, sql);
            // A component that prepares again and again keeps the newest.
            const [oldest] = prepared.keys();
            if (prepared.size > config.max_prepared && oldest !== undefined) prepared.delete(oldest);
            return token;
          }),
        exec: async (token: string, params: readonly PgValue[]) =>
          await track(async () => {
            const sql = prepared.get(token);
            if (sql === undefined) throw new WitError({ tag: "unknown-prepared-query" });
            return await answered(engine.execute(sql, params), execError);
          }),
      },
    },
    async [Symbol.asyncDispose]() {
      ended = true;
      await calls.settled();
      prepared.clear();
    },
  };
}
