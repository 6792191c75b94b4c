import { describe, test } from "vitest";
import { createBoots } from "./boots.ts";
import { migrate } from "./schema.ts";
import { openDatabase, type Database } from "./sqlite.ts";

function createDatabase(): Database {
  const db = openDatabase(":memory:", { busyTimeout: 0 });
  migrate(db);
  return db;
}

const synced = (offset: number): { wall: number; monotonic: number; synced: boolean } => ({
  wall: offset + 500,
  monotonic: 500,
  synced: true,
});

function register(db: Database, bootId: string, mentioned: readonly number[] = [], offset?: number): number {
  const boots = createBoots(db, bootId);
  if (offset !== undefined) boots.observe(synced(offset));
  db.transaction(() => boots.register(() => mentioned));
  boots.registered();
  return boots.current.number;
}

const stored = (db: Database): unknown[] => db.prepare("SELECT id, boot_id, wall_offset FROM boots ORDER BY id").all();

describe("createBoots()", () => {
  test("gives a boot one number over restarts of the agent, and the next boot the next", ({ expect }) => {
    const db = createDatabase();
    expect([register(db, "a"), register(db, "a", [1]), register(db, "b", [1]), register(db, "a", [1])]).toEqual([
      1, 1, 2, 3,
    ]);
  });

  test("keeps what it learns of the clock, for rows of a boot that is over", ({ expect }) => {
    const db = createDatabase();
    register(db, "a");
    register(db, "a", [1], 1_700_000_000_000);
    register(db, "b", [1]);
    expect(createBoots(db, "b").find(1)).toEqual({ number: 1, id: "a", offset: 1_700_000_000_000 });
    expect(createBoots(db, "b").current).toEqual({ number: 2, id: "b", offset: undefined });
  });

  test("takes no part in drift, but in a clock that is set anew", ({ expect }) => {
    const boots = createBoots(createDatabase(), "a");
    boots.observe({ ...synced(7), synced: false });
    expect(boots.current.offset).toBeUndefined();
    for (const [offset, known] of [
      [10_000, 10_000],
      [10_900, 10_000],
      [90_000, 90_000],
    ] as const) {
      boots.observe(synced(offset));
      expect(boots.current.offset).toBe(known);
    }
  });

  test("forgets boots that nothing mentions any more", ({ expect }) => {
    const db = createDatabase();
    for (const boot of ["a", "b", "c"]) register(db, boot, [1]);
    register(db, "d", [2]);
    expect(stored(db)).toMatchObject([{ id: 2 }, { id: 3 }, { id: 4 }]);
    expect(createBoots(db, "d").find(1)).toEqual({ number: 1, id: "unknown", offset: undefined });
  });

  test("writes once, and again after a transaction that failed", ({ expect }) => {
    const db = createDatabase();
    const boots = createBoots(db, "a");
    const fail = (): void =>
      db.transaction(() => {
        boots.register(() => []);
        throw new Error("no room");
      });
    expect(fail).toThrow("no room");
    expect(stored(db)).toEqual([]);
    db.transaction(() => boots.register(() => []));
    boots.registered();
    expect(stored(db)).toEqual([{ id: 1, boot_id: "a", wall_offset: null }]);
    db.exec("DELETE FROM boots");
    db.transaction(() => boots.register(() => []));
    expect(stored(db)).toEqual([]);
  });
});
