import { describe, test } from "vitest";
import { GuestTrap } from "./abi-errors.ts";
import { HandleTable, MAX_HANDLES } from "./abi-handles.ts";

describe("HandleTable", () => {
  test("own() counts from 1, and take() gives back what the handle stands for", ({ expect }) => {
    const table = new HandleTable();
    expect(table.own(1, "a")).toBe(1);
    expect(table.own(2, "b")).toBe(2);
    expect(table.representation(2, 2)).toBe("b");
    expect(table.take(1, 1)).toBe("a");
    expect(() => table.take(1, 1)).toThrow(GuestTrap);
  });

  test("representation() refuses handles that there are not", ({ expect }) => {
    const table = new HandleTable();
    table.own(1, "a");
    table.own(1, "b");
    for (const handle of [0, 3, -1, 2 ** 31 - 1]) {
      expect(() => table.representation(1, handle), String(handle)).toThrow(GuestTrap);
    }
  });

  test("every method refuses a handle of another resource", ({ expect }) => {
    const table = new HandleTable();
    const handle = table.own(1, "a");
    expect(() => table.representation(2, handle)).toThrow("another resource");
    expect(() => table.lend(2, handle)).toThrow("another resource");
    expect(() => table.take(2, handle)).toThrow("another resource");
    expect(() => table.drop(2, handle)).toThrow("another resource");
  });

  test("drop() gives what was owned, and nothing of what was borrowed", ({ expect }) => {
    const table = new HandleTable();
    expect(table.drop(1, table.own(1, "a"))).toBe("a");
    expect(table.drop(1, table.borrow(1, "a"))).toBeUndefined();
  });

  test("take() refuses borrowed handles, and lent ones until endLending()", ({ expect }) => {
    const table = new HandleTable();
    const owned = table.own(1, "a");
    const borrowed = table.borrow(1, "b");
    expect(() => table.take(1, borrowed)).toThrow("borrowed");
    expect(table.lend(1, owned)).toBe("a");
    expect(() => table.take(1, owned)).toThrow("lent");
    table.endLending();
    expect(table.take(1, owned)).toBe("a");
  });

  test("checkBorrows() traps while a borrowed handle is there", ({ expect }) => {
    const table = new HandleTable();
    table.own(1, "a");
    table.checkBorrows();
    const borrowed = table.borrow(1, "b");
    expect(() => table.checkBorrows()).toThrow(GuestTrap);
    table.drop(1, borrowed);
    table.checkBorrows();
  });

  test("handles that were given up are used again, whatever their order", ({ expect }) => {
    const table = new HandleTable();
    const live: number[] = [];
    let highest = 0;
    for (let round = 0; round < 1_000_000; round++) {
      const handle = table.own(1, round);
      highest = Math.max(highest, handle);
      live.push(handle);
      if (live.length > 10) table.drop(1, live.splice((round * 7) % live.length, 1)[0] ?? 0);
    }
    expect(highest).toBe(11);
  });

  test("own() traps beyond the most there may be, and goes on when one is dropped", ({ expect }) => {
    const table = new HandleTable();
    for (let count = 0; count < MAX_HANDLES; count++) table.own(1, count);
    expect(() => table.own(1, "more")).toThrow(GuestTrap);
    expect(table.drop(1, 5)).toBe(4);
    expect(table.own(1, "more")).toBe(5);
  });
});
