import { describe, test } from "vitest";
import { createOnce } from "./once.ts";

describe("createOnce()", () => {
  test("run() shares the outcome with a repetition while it is pending", async ({ expect }) => {
    const once = createOnce();
    const gate = Promise.withResolvers<void>();
    let runs = 0;
    const work = async (): Promise<void> => {
      runs += 1;
      await gate.promise;
    };
    const both = [once.run(1, false, work), once.run(1, true, work)];
    gate.resolve();
    await Promise.all(both);
    expect(runs).toBe(1);
    await once.run(1, true, work);
    expect(runs).toBe(2);
  });

  test("run() runs a new message under a used key, and a repetition of one that failed", async ({ expect }) => {
    const once = createOnce();
    const seen: string[] = [];
    const note = (text: string) => async (): Promise<void> => void seen.push(text);
    await Promise.all([once.run(1, false, note("first")), once.run(1, false, note("second"))]);
    await expect(once.run(2, false, async () => await Promise.reject(new Error("no")))).rejects.toThrow("no");
    await once.run(2, true, note("third"));
    expect(seen).toEqual(["first", "second", "third"]);
  });

  test("clear() forgets: the key is used for something else now", async ({ expect }) => {
    const once = createOnce();
    const seen: string[] = [];
    const note = (text: string) => async (): Promise<void> => void seen.push(text);
    const first = once.run(1, false, note("first"));
    once.clear();
    await Promise.all([first, once.run(1, true, note("second"))]);
    expect(seen).toEqual(["first", "second"]);
  });
});
