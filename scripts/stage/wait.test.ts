import { describe, test } from "vitest";
import { repeat, untilAborted, waitUntil, withinLimit } from "./wait.ts";

const never = new AbortController().signal;

describe("waitUntil()", () => {
  test("gives what the probe finds, after failures and misses", async ({ expect }) => {
    const answers = [new Error("not there"), undefined, 7];
    const probe = async (): Promise<number | undefined> => {
      const answer = answers.shift();
      if (answer instanceof Error) throw answer;
      return answer;
    };
    expect(await waitUntil("seven", probe, { every: 0, within: 5000, signal: never })).toBe(7);
  });

  test("gives up when time is up, with the last reason", async ({ expect }) => {
    const probe = () => Promise.reject(new Error("refused"));
    const waiting = waitUntil("the hub", probe, { every: 0, within: 0, signal: never });
    await expect(waiting).rejects.toThrow("Waited 0 s for the hub: refused");
  });

  test("ends at once with the signal's reason", async ({ expect }) => {
    const stop = new AbortController();
    const probe = async (): Promise<undefined> => {
      stop.abort(new Error("the agent ended"));
      return undefined;
    };
    const waiting = waitUntil("the hub", probe, { every: 1e6, within: 1e6, signal: stop.signal });
    await expect(waiting).rejects.toThrow("the agent ended");
  });

  test("ends with the signal's reason between two probes too", async ({ expect }) => {
    const stop = new AbortController();
    const probe = async (): Promise<undefined> => {
      setImmediate(() => stop.abort(new Error("the agent ended")));
      return undefined;
    };
    const waiting = waitUntil("the hub", probe, { every: 1e6, within: 1e6, signal: stop.signal });
    await expect(waiting).rejects.toThrow("the agent ended");
  });
});

describe("repeat()", () => {
  test("acts at once and until it is stopped, and then resolves", async ({ expect }) => {
    const stop = new AbortController();
    let calls = 0;
    await repeat(1, stop.signal, async () => {
      calls++;
      if (calls === 3) stop.abort();
    });
    expect(calls).toBe(3);
  });

  test("passes on what the act failed with", async ({ expect }) => {
    await expect(repeat(1, never, () => Promise.reject(new Error("broken cable")))).rejects.toThrow("broken cable");
  });
});

describe("withinLimit()", () => {
  test("passes an outcome on and fails when none comes in time", async ({ expect }) => {
    expect(await withinLimit("an answer", 5000, Promise.resolve(7))).toBe(7);
    const silence = new Promise<never>(() => {});
    await expect(withinLimit("an answer", 0, silence)).rejects.toThrow("Waited 0 s for an answer");
  });
});

describe("untilAborted()", () => {
  test("passes an outcome on", async ({ expect }) => {
    expect(await untilAborted(Promise.resolve(7), never)).toBe(7);
  });

  test("rejects with the signal's reason, also when it was aborted before", async ({ expect }) => {
    const stop = new AbortController();
    const silence = new Promise<never>(() => {});
    const waiting = untilAborted(silence, stop.signal);
    stop.abort(new Error("the agent ended"));
    await expect(waiting).rejects.toThrow("the agent ended");
    await expect(untilAborted(silence, stop.signal)).rejects.toThrow("the agent ended");
  });
});
