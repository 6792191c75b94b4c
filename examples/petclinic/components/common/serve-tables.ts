import { once } from "../../../lib/once.ts";
import { openDatabase, type Database, type Query } from "./database.ts";
import { toFault } from "./faults.ts";
import { migrate } from "./migrate.ts";

/**
 * Gives functions of the database the form of exports. The first call brings the tables up to date: when the component starts,
 * the database need not be there yet.
 */
export function serveTables(query: Query, component: string, migrations: readonly string[]) {
  const database = once(() => {
    const opened = openDatabase(query);
    migrate(opened, component, migrations);
    return opened;
  });
  return <A extends unknown[], R>(serve: (database: Database, ...args: A) => R) =>
    (...args: A): R => {
      try {
        return serve(database(), ...args);
      } catch (error) {
        throw toFault(error);
      }
    };
}
