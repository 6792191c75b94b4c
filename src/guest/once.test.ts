import { describe, test } from "vitest";
import { once } from "./once.ts";

describe("once()", () => {
  test("makes the value at the first call only, undefined included", ({ expect }) => {
    let calls = 0;
    const get = once(() => void calls++);
    expect(calls).toBe(0);
    expect([get(), get()]).toEqual([undefined, undefined]);
    expect(calls).toBe(1);
  });

  test("tries again after a failure", ({ expect }) => {
    const results = [new Error("not yet"), 7];
    const get = once(() => {
      const result = results.shift();
      if (result instanceof Error) throw result;
      return result;
    });
    expect(get).toThrow("not yet");
    expect(get()).toBe(7);
  });
});
