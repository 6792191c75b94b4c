import { describe, test } from "vitest";
import { errorText } from "./error-text.ts";

describe("errorText()", () => {
  test.for([
    ["an err string", "the outbox is full", "the outbox is full"],
    ["an Error", new Error("no route"), "no route"],
    ["an Error with an err", Object.assign(new Error("see payload"), { payload: { tag: "busy" } }), "busy"],
    [
      "an err of StarlingMonkey, which is no Error",
      { payload: { tag: "no-acknowledge", val: "address" } },
      "no-acknowledge: address",
    ],
    ["a variant with text", { tag: "other", val: "disk" }, "other: disk"],
    ["a variant without a value", { tag: "access-denied" }, "access-denied"],
    ["any other object", { code: 7 }, '{"code":7}'],
    ["nothing", undefined, "undefined"],
  ] as const)("describes %s", ([, error, text], { expect }) => {
    expect(errorText(error)).toBe(text);
  });
});
