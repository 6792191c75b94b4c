import { describe, test } from "vitest";
import { createOnce } from "./once.ts";

const FIRST = { repeated: false, keep: true };
const AGAIN = { repeated: true, keep: true };

describe("createOnce()", () => {
  test("run() shares the outcome with a repetition, also while it is pending", async ({ expect }) => {
    const once = createOnce();
    const gate = Promise.withResolvers<void>();
    let runs = 0;
    const work = async (): Promise<void> => {
      runs += 1;
      await gate.promise;
    };
    const first = once.run(1, FIRST, work);
    const second = once.run(1, AGAIN, work);
    gate.resolve();
    await Promise.all([first, second]);
    await once.run(1, AGAIN, work);
    expect(runs).toBe(1);
  });

  test("run() without keep remembers only what is pending", async ({ expect }) => {
    const once = createOnce();
    let runs = 0;
    const work = async (): Promise<void> => {
      runs += 1;
    };
    await Promise.all([
      once.run(1, { repeated: false, keep: false }, work),
      once.run(1, { repeated: true, keep: false }, work),
    ]);
    expect(runs).toBe(1);
    await once.run(1, { repeated: true, keep: false }, work);
    expect(runs).toBe(2);
  });

  test("run() runs a new message under a used key, and a repetition of one that failed", async ({ expect }) => {
    const once = createOnce();
    const seen: string[] = [];
    const note = (text: string) => async (): Promise<void> => void seen.push(text);
    await once.run(1, FIRST, note("first"));
    await once.run(1, FIRST, note("second"));
    await expect(once.run(2, FIRST, async () => await Promise.reject(new Error("no")))).rejects.toThrow("no");
    await once.run(2, AGAIN, note("third"));
    expect(seen).toEqual(["first", "second", "third"]);
  });

  test("release() and clear() forget: the key is used for something else now", async ({ expect }) => {
    const once = createOnce();
    let runs = 0;
    const work = async (): Promise<void> => {
      runs += 1;
    };
    await once.run(1, FIRST, work);
    once.release(1);
    await once.run(1, AGAIN, work);
    expect(runs).toBe(2);
    once.clear();
    await once.run(1, AGAIN, work);
    expect(runs).toBe(3);
  });
});
