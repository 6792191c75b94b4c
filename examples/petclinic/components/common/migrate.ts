// Brings the tables of a component to the form that its code wants.

import { errorText } from "../../../lib/error-text.ts";
import { faultTag } from "./fault-tag.ts";
import { int, text, type Database } from "./database.ts";

/**
 * Each migration is carried out once, all of it or nothing, also when several instances try at the same time: the note that it
 * was is part of the same transaction, and the second one to write it fails.
 */
export function migrate(database: Database, component: string, migrations: readonly string[]): void {
  const notes = `${component}_migrations`;
  for (let done = countDone(database, notes); done < migrations.length; done++) {
    const first = done === 0 ? `CREATE TABLE ${notes} (number bigint PRIMARY KEY);\n` : "";
    try {
      database.batch(`${first}${migrations[done]};\nINSERT INTO ${notes} (number) VALUES (${done + 1})`);
    } catch (error) {
      if (countDone(database, notes) <= done) {
        throw new Error(`Cannot carry out migration ${done + 1} of "${component}": ${errorText(error)}`, {
          cause: error,
        });
      }
    }
  }
}

function countDone(database: Database, notes: string): number {
  try {
    return database.query(`SELECT count(*) AS done FROM ${notes}`, [])[0]?.int("done") ?? 0;
  } catch (error) {
    // The table is not there yet. What else may be wrong with a statement would come up with the next one, too.
    if (faultTag(error) === "invalid-query") return 0;
    throw error;
  }
}

/** The next id of a kind, from a table of counters that both databases update in one step. */
export function takeId(database: Database, component: string, kind: string): number {
  const statement = `UPDATE ${component}_counters SET value = value + $1 WHERE name = $2 RETURNING value`;
  const row = database.query(statement, [int(1), text(kind)])[0];
  if (row === undefined) throw new Error(`Cannot number a new ${kind}: found no counter of that name`);
  return row.int("value");
}
