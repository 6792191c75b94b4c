import { describe, test } from "vitest";
import { namedModules } from "./go-modules.ts";

/** As Go lays it out: a mark, the release, then the modules between guards. */
const program = (...lines: readonly string[]): Buffer =>
  Buffer.from(
    `code\x00\xff Go buildinf:\x08\x02${"\x00".repeat(16)}\x08go1.26.8\xa3\x08${"\xe6".repeat(16)}${lines.join("\n")}\n${"\xf9".repeat(16)}code`,
    "latin1",
  );

describe("namedModules()", () => {
  test("gives the program's own module, its dependencies and Go's library", ({ expect }) => {
    const found = namedModules(
      program(
        "path\texample.org/server/v2",
        "mod\texample.org/server/v2\tv2.14.9\th1:own=",
        "dep\texample.org/a\tv0.8.0-default\th1:a=",
        "build\tGOOS=linux",
      ),
    );
    expect(found).toEqual([
      { path: "example.org/server/v2", version: "2.14.9", sum: "h1:own=" },
      { path: "example.org/a", version: "0.8.0-default", sum: "h1:a=" },
      { path: "std", version: "1.26.8", sum: undefined },
    ]);
  });

  test("finds none in a program that Go has not built", ({ expect }) => {
    expect(namedModules(Buffer.from("\x7fELF mod\tnothing\tv1.0.0\th1:x="))).toEqual([]);
  });
});
