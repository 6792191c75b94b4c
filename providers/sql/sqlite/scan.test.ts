import { describe, test } from "vitest";
import { SqlFault } from "../sql-fault.ts";
import { scanSql, withoutFrame } from "./scan.ts";

const texts = (sql: string): string[] => scanSql(sql).map(({ text }) => text);

describe("scanSql()", () => {
  test("finds where statements end, and not in what is quoted or said aside", ({ expect }) => {
    expect(texts("SELECT 1; SELECT 2")).toEqual(["SELECT 1", "SELECT 2"]);
    expect(texts("SELECT ';', \";\", `;`, [;] -- ;\n/* ; */ ; ;")).toEqual(["SELECT ';', \";\", `;`, [;]"]);
    expect(texts("SELECT 'it''s; \\'; SELECT 2")).toEqual(["SELECT 'it''s; \\'", "SELECT 2"]);
    expect(texts(" -- nothing\n/* at all")).toEqual([]);
    expect(texts("SELECT 'no end; SELECT 2")).toEqual(["SELECT 'no end; SELECT 2"]);
  });

  test("keeps a trigger together", ({ expect }) => {
    const trigger = `CREATE TRIGGER IF NOT EXISTS a AFTER INSERT ON t BEGIN
      SELECT CASE WHEN 1 THEN CASE WHEN 2 THEN 3 END END; DELETE FROM t; END`;
    expect(texts(`${trigger}; SELECT 1`)).toEqual([trigger, "SELECT 1"]);
    expect(texts("CREATE TABLE t (a); CREATE INDEX trigger_index ON t (a)")).toHaveLength(2);
  });

  test("tells the first word, and the highest placeholder", ({ expect }) => {
    expect(scanSql("/* $9 */ insert into t values ($2, '$7', $10)")).toMatchObject([{ keyword: "INSERT", params: 10 }]);
    expect(scanSql("SELECT 1, 2e5, x'00'")).toMatchObject([{ keyword: "SELECT", params: 0 }]);
  });

  test("refuses placeholders that are not numbered by $", ({ expect }) => {
    for (const sql of ["?", "?1", ":name", "@name", "$name", "#1"]) {
      expect(() => scanSql(`SELECT ${sql}`), sql).toThrow(SqlFault);
    }
    expect(texts("SELECT '?', \":a\"")).toHaveLength(1);
  });
});

describe("withoutFrame()", () => {
  test("drops BEGIN and COMMIT when they are around all", ({ expect }) => {
    const framed = (sql: string): string[] => withoutFrame(scanSql(sql)).map(({ text }) => text);
    expect(framed("BEGIN; SELECT 1; COMMIT")).toEqual(["SELECT 1"]);
    expect(framed("begin immediate transaction; SELECT 1; SELECT 2; end")).toEqual(["SELECT 1", "SELECT 2"]);
    expect(framed("BEGIN; SELECT 1")).toEqual(["BEGIN", "SELECT 1"]);
    expect(framed("SELECT 1; COMMIT")).toEqual(["SELECT 1", "COMMIT"]);
    expect(framed("")).toEqual([]);
  });
});
