import { test } from "vitest";
import { printable } from "./printable.ts";

test("what drives a terminal does not reach it, and text does", ({ expect }) => {
  expect(printable("a\u001b[2J\u009b1m\u0007\rb")).toBe("a?[2J?1m??b");
  expect(printable("ü\t→ 😀\n")).toBe("ü\t→ 😀\n");
});
