import { describe, test } from "vitest";
import { createLogger } from "./json-log.ts";

describe("createLogger()", () => {
  function lines(): { readonly all: Record<string, unknown>[]; readonly sink: { write(line: string): void } } {
    const all: Record<string, unknown>[] = [];
    return { all, sink: { write: (line) => void all.push(JSON.parse(line) as Record<string, unknown>) } };
  }

  test("writes level, time, fields of the parents and of the line, and the message", ({ expect }) => {
    const { all, sink } = lines();
    const log = createLogger("info", sink).child({ part: "store" });
    log.info("Opened", { rows: 3 });
    log.debug("Not shown");
    expect(all).toEqual([
      { level: "info", time: expect.stringMatching(/^\d{4}-.*Z$/) as unknown, part: "store", rows: 3, msg: "Opened" },
    ]);
  });

  test("shows what an error says, and what caused it", ({ expect }) => {
    const { all, sink } = lines();
    const cause = Object.assign(new Error("no such file"), { code: "ENOENT" });
    createLogger("info", sink).error("Failed", { err: new TypeError("cannot read", { cause }) });
    expect(all).toMatchObject([
      {
        err: {
          type: "TypeError",
          message: "cannot read",
          stack: expect.any(String) as unknown,
          cause: { message: "no such file", code: "ENOENT" },
        },
      },
    ]);
  });

  test("writes a line whatever the fields are", ({ expect }) => {
    const { all, sink } = lines();
    const circle: Record<string, unknown> = {};
    circle["self"] = circle;
    createLogger("info", sink).info("Odd", { circle, big: 1n, count: 2 });
    createLogger("info", sink).info("Big", { big: 1n });
    expect(all).toMatchObject([
      { circle: "(cannot be shown)", count: 2, msg: "Odd" },
      { big: "1", msg: "Big" },
    ]);
  });
});
