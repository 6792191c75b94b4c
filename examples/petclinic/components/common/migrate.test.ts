import { describe, test } from "vitest";
import type { Database, Row } from "./database.ts";
import { migrate } from "./migrate.ts";

/** A database that counts the notes of migrations, and in which another instance may be faster. */
function createBench({ done = 0, overtaken = false, broken = false } = {}) {
  const batches: string[] = [];
  const state = { done };
  const row: Row = { text: () => "", int: () => state.done, day: () => ({ year: 2000, month: 1, day: 1 }) };
  const database: Database = {
    query() {
      if (state.done === 0)
        throw Object.assign(new Error("no such table"), { payload: { tag: "invalid-query", val: "" } });
      return [row];
    },
    batch(statements) {
      batches.push(statements);
      if (broken) throw new Error("disk full");
      state.done++;
      if (overtaken) throw new Error("constraint");
    },
  };
  return { database, batches };
}

describe("migrate()", () => {
  test("carries out what was not yet, each with its note", ({ expect }) => {
    const { database, batches } = createBench();
    migrate(database, "owners", ["CREATE TABLE a (x text)", "INSERT INTO a VALUES ('1')"]);
    expect(batches).toEqual([
      "CREATE TABLE owners_migrations (number bigint PRIMARY KEY);\nCREATE TABLE a (x text);\nINSERT INTO owners_migrations (number) VALUES (1)",
      "INSERT INTO a VALUES ('1');\nINSERT INTO owners_migrations (number) VALUES (2)",
    ]);
    const later = createBench({ done: 1 });
    migrate(later.database, "owners", ["one", "two"]);
    expect(later.batches).toEqual(["two;\nINSERT INTO owners_migrations (number) VALUES (2)"]);
  });

  test("goes on when another instance was faster", ({ expect }) => {
    const { database, batches } = createBench({ overtaken: true });
    migrate(database, "owners", ["one", "two"]);
    expect(batches.length).toBe(2);
  });

  test("says which migration failed", ({ expect }) => {
    const { database, batches } = createBench({ done: 1, broken: true });
    expect(() => migrate(database, "owners", ["one", "two", "three"])).toThrow(
      'Cannot carry out migration 2 of "owners": disk full',
    );
    expect(batches.length).toBe(1);
  });
});
