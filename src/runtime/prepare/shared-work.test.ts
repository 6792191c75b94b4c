import { describe, test } from "vitest";
import { SharedWork } from "./shared-work.ts";

const never = new AbortController().signal;

describe("SharedWork.run()", () => {
  test("does the work of a key once for all who wait, and again afterwards", async ({ expect }) => {
    const work = new SharedWork<number>();
    let runs = 0;
    const act = async (): Promise<number> => ++runs;
    expect(await Promise.all([work.run("a", never, act), work.run("a", never, act)])).toEqual([1, 1]);
    expect(await work.run("a", never, act)).toBe(2);
  });

  test("fails for all who wait, and not for good", async ({ expect }) => {
    const work = new SharedWork<number>();
    const fail = () => Promise.reject(new Error("no"));
    const both = await Promise.allSettled([work.run("a", never, fail), work.run("a", never, fail)]);
    expect(both.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(await work.run("a", never, async () => 1)).toBe(1);
  });

  test("goes on while one still waits, and stops when the last gives up", async ({ expect }) => {
    const work = new SharedWork<number>();
    const first = new AbortController();
    const second = new AbortController();
    let stopped = false;
    const act = (signal: AbortSignal): Promise<number> =>
      new Promise(() => {
        signal.addEventListener("abort", () => {
          stopped = true;
        });
      });
    const both = [work.run("a", first.signal, act), work.run("a", second.signal, act)];
    first.abort(new Error("first"));
    await expect(both[0]).rejects.toThrow("first");
    expect(stopped).toBe(false);
    second.abort(new Error("second"));
    await expect(both[1]).rejects.toThrow("second");
    expect(stopped).toBe(true);
    // What was stopped is not joined.
    expect(await work.run("a", never, async () => 5)).toBe(5);
  });

  test("does not begin when aborted already", async ({ expect }) => {
    const work = new SharedWork<number>();
    await expect(work.run("a", AbortSignal.abort(new Error("before")), async () => 1)).rejects.toThrow("before");
  });
});
