import { describe, test } from "vitest";
import { createOnce } from "./once.ts";

describe("createOnce()", () => {
  test("run() shares the outcome with a repetition, also while it is pending", async ({ expect }) => {
    const once = createOnce(8);
    const gate = Promise.withResolvers<void>();
    let runs = 0;
    const work = async (): Promise<void> => {
      runs += 1;
      await gate.promise;
    };
    const first = once.run("a", false, work);
    const second = once.run("a", true, work);
    gate.resolve();
    await Promise.all([first, second]);
    await once.run("a", true, work);
    expect(runs).toBe(1);
  });

  test("run() runs a new message under a used key, and a repetition of one that failed", async ({ expect }) => {
    const once = createOnce(8);
    const seen: string[] = [];
    const note = (text: string) => async () => void seen.push(text);
    await once.run("a", false, note("first"));
    await once.run("a", false, note("second"));
    await expect(once.run("b", false, async () => await Promise.reject(new Error("no")))).rejects.toThrow("no");
    await once.run("b", true, note("third"));
    expect(seen).toEqual(["first", "second", "third"]);
  });

  test("run() forgets the oldest beyond the limit, and clear() all", async ({ expect }) => {
    const once = createOnce(2);
    let runs = 0;
    const work = async (): Promise<void> => {
      runs += 1;
    };
    for (const key of ["a", "b", "c"]) await once.run(key, false, work);
    await once.run("b", true, work);
    expect(runs).toBe(3);
    await once.run("a", true, work);
    expect(runs).toBe(4);
    once.clear();
    await once.run("a", true, work);
    expect(runs).toBe(5);
  });
});
