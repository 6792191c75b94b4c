import { describe, test } from "vitest";
import { createFakeClock } from "../../../test/support/fake-clock.ts";
import { createMemoryKeyValue, openTestInbox, textOf } from "../../../test/support/inbox.ts";
import { waitFor } from "../../../test/support/wait-for.ts";
import { PetioleError, WitError } from "../../domain/errors.ts";
import type { InboundMessage } from "../../domain/inbox.ts";
import { bytes, minutes, seconds } from "../../domain/units.ts";
import type { KeyValueStore } from "../../provider/services.ts";
import { BUCKET } from "./record.ts";

const message = (seq: number, subject = "commands.lamp", created = "monday"): InboundMessage => ({
  subject,
  body: new TextEncoder().encode(String(seq)),
  origin: { stream: "IN", created, seq, time: BigInt(seq) * 10n },
});

describe("openInbox()", () => {
  test("hands messages over in order, one at a time, to the subscription that takes them", async ({ expect }) => {
    await using inbox = await openTestInbox();
    const seen: string[] = [];
    let running = 0;
    await using _lamp = inbox.subscribe("commands.lamp", async ({ subject, body }) => {
      expect(++running).toBe(1);
      await Promise.resolve();
      seen.push(`${subject} ${textOf(body)}`);
      running -= 1;
    });
    for (let seq = 1; seq <= 4; seq++) await inbox.accept(message(seq, seq === 3 ? "commands.door" : "commands.lamp"));
    await waitFor("three messages", () => seen.length === 3);
    expect(seen).toEqual(["commands.lamp 1", "commands.lamp 2", "commands.lamp 4"]);
    await waitFor("the removal", () => inbox.stats().waiting === 1);
    expect(inbox.stats()).toMatchObject({ unclaimed: 1, stored: 4, handled: 3, failures: 0, repeats: 0 });
    await using _door = inbox.subscribe("commands.door", async ({ body }) => void seen.push(textOf(body)));
    await waitFor("the message that waited", () => seen.length === 4);
  });

  test("a message that fails is tried again and holds up those behind it, then it is given up with its reason", async ({
    expect,
  }) => {
    const store = { keyValue: createMemoryKeyValue() };
    const seen: string[] = [];
    {
      await using inbox = await openTestInbox({ store });
      await using _ = inbox.subscribe(">", async ({ body }) => {
        seen.push(textOf(body));
        if (textOf(body) === "1") throw new WitError("no such lamp");
      });
      await inbox.accept(message(1));
      await inbox.accept(message(2));
      await waitFor("the second message", () => seen.includes("2"));
      expect(seen).toEqual(["1", "1", "1", "2"]);
      expect(inbox.stats()).toMatchObject({ failures: 3, repeats: 2, handled: 1 });
    }
    await using inbox = await openTestInbox({ store });
    const [dead, ...others] = inbox.stats().dead;
    expect(others).toEqual([]);
    expect(dead).toMatchObject({ subject: "commands.lamp", stream: "IN", seq: 1, size: 1, attempts: 3 });
    expect(dead?.reason).toContain("no such lamp");
    expect(inbox.stats().waiting).toBe(0);
  });

  test("a component that is replaced costs its message no attempt", async ({ expect }) => {
    await using inbox = await openTestInbox({ maxAttempts: 2 });
    let calls = 0;
    await using _ = inbox.subscribe(">", async () => {
      calls += 1;
      if (calls <= 4) throw new PetioleError("ERR_COMPONENT_STOPPED", "it is replaced");
    });
    await inbox.accept(message(1));
    await waitFor("the message to be handled", () => inbox.stats().handled === 1);
    expect(inbox.stats().dead).toEqual([]);
  });

  test("refuses two subscriptions that could take one message, and lets one follow the other", async ({ expect }) => {
    await using inbox = await openTestInbox();
    const first = inbox.subscribe("commands.>", async () => {});
    expect(() => inbox.subscribe("*.lamp", async () => {})).toThrow(/"commands\.>" takes some of its messages already/);
    await first[Symbol.asyncDispose]();
    await using _second = inbox.subscribe("*.lamp", async () => {});
  });

  test("has no room when its messages or its bytes are used up, and gets some back", async ({ expect }) => {
    await using inbox = await openTestInbox({ maxMessages: 2, maxBytes: bytes(2) });
    expect(inbox.room()).toEqual({ messages: 2, bytes: 2 });
    await inbox.accept(message(1));
    await inbox.accept(message(22));
    expect(inbox.room()).toEqual({ messages: 0, bytes: 0 });
    await using _ = inbox.subscribe(">", async () => {});
    await waitFor("room", () => inbox.room().messages === 2 && inbox.room().bytes === 2);
  });

  test("a message that nobody takes is given up after its time", async ({ expect }) => {
    const clock = createFakeClock();
    await using inbox = await openTestInbox({ clock, unclaimed: minutes(10) });
    await using _ = inbox.subscribe("commands.door", async () => {});
    await inbox.accept(message(1));
    for (let minute = 0; minute < 9; minute++) await clock.advance(seconds(60));
    expect(inbox.stats()).toMatchObject({ waiting: 1, unclaimed: 1, dead: [] });
    for (let minute = 0; minute < 2; minute++) await clock.advance(seconds(60));
    expect(inbox.stats()).toMatchObject({ waiting: 0, dead: [{ seq: 1, reason: "no subscription takes it" }] });
  });

  test("keeps the newest hundred of those given up", async ({ expect }) => {
    await using inbox = await openTestInbox({ maxAttempts: 1, maxMessages: 1000 });
    await using _ = inbox.subscribe(">", async () => {
      throw new Error("never");
    });
    for (let seq = 1; seq <= 103; seq++) await inbox.accept(message(seq));
    await waitFor("all of them", () => inbox.stats().deadForgotten === 3);
    expect(inbox.stats().dead.map(({ seq }) => seq)).toEqual(Array.from({ length: 100 }, (_, index) => index + 4));
  });

  test("a stream that was made again is taken from its start", async ({ expect }) => {
    await using inbox = await openTestInbox();
    expect(await inbox.accept(message(5))).toBe("stored");
    expect(await inbox.accept(message(5))).toBe("known");
    expect(await inbox.accept(message(1, "commands.lamp", "tuesday"))).toBe("stored");
    expect(await inbox.accept(message(1, "commands.lamp", "tuesday"))).toBe("known");
    expect(inbox.last()).toMatchObject({ created: "tuesday", seq: 1 });
  });

  test("obeys when the disk takes nothing, and does so once", async ({ expect }) => {
    const keyValue = createMemoryKeyValue();
    const full = { now: false };
    const failing: KeyValueStore = {
      ...keyValue,
      set: async (...args) => {
        if (full.now) throw new PetioleError("ERR_STORE_FAILED", "the disk is full");
        await keyValue.set(...args);
      },
      delete: async (...args) => {
        if (full.now) throw new PetioleError("ERR_STORE_FAILED", "the disk is full");
        await keyValue.delete(...args);
      },
    };
    const clock = createFakeClock();
    await using inbox = await openTestInbox({ store: { keyValue: failing }, clock });
    await inbox.accept(message(1));
    full.now = true;
    const seen: string[] = [];
    await using _ = inbox.subscribe(">", async ({ body }) => void seen.push(textOf(body)));
    await clock.advance(seconds(3));
    expect(seen).toEqual(["1"]);
    await expect(inbox.accept(message(2))).rejects.toMatchObject({ code: "ERR_STORE_FAILED" });
    full.now = false;
    await clock.advance(seconds(3));
    expect(seen).toEqual(["1"]);
    expect(inbox.stats().waiting).toBe(0);
    expect(await inbox.accept(message(1))).toBe("known");
    expect(await inbox.accept(message(2))).toBe("stored");
  });

  test("leaves little behind: one key when everything was handled", async ({ expect }) => {
    const store = { keyValue: createMemoryKeyValue() };
    await using inbox = await openTestInbox({ store });
    await using _ = inbox.subscribe(">", async () => {});
    for (let seq = 1; seq <= 20; seq++) {
      await inbox.accept(message(seq));
      if (seq % 3 === 0) await waitFor("the inbox to be empty", () => inbox.stats().waiting === 0);
    }
    await waitFor("the inbox to be empty", () => inbox.stats().waiting === 0);
    expect(await store.keyValue.keys(BUCKET, undefined, 100)).toHaveLength(1);
  });
});

// The store commits writes in the order in which they were asked for, those of one moment together. So what a crash
// leaves is the result of the first n writes; every n is tried.
describe("a crash at any write", () => {
  interface Recorded {
    readonly writes: readonly ((store: KeyValueStore) => Promise<void>)[];
    /** By number of writes that had been made: which messages the hub holds for acknowledged, and which were begun. */
    readonly acknowledged: ReadonlyMap<number, number>;
    readonly handled: ReadonlyMap<number, number>;
  }

  async function record(count: number): Promise<Recorded> {
    const keyValue = createMemoryKeyValue();
    const writes: ((store: KeyValueStore) => Promise<void>)[] = [];
    const acknowledged = new Map<number, number>();
    const handled = new Map<number, number>();
    const recording: KeyValueStore = {
      ...keyValue,
      set: async (bucket, key, value) => {
        writes.push((store) => store.set(bucket, key, value));
        await keyValue.set(bucket, key, value);
      },
      delete: async (bucket, key) => {
        writes.push((store) => store.delete(bucket, key));
        await keyValue.delete(bucket, key);
      },
    };
    await using inbox = await openTestInbox({ store: { keyValue: recording } });
    const attempts = new Map<string, number>();
    await using _ = inbox.subscribe(">", async ({ body }) => {
      const seq = Number(textOf(body));
      const attempt = (attempts.get(textOf(body)) ?? 0) + 1;
      attempts.set(textOf(body), attempt);
      if (seq === 2 && attempt === 1) throw new Error("at first");
      handled.set(seq, writes.length);
    });
    for (let seq = 1; seq <= count; seq++) {
      await inbox.accept(message(seq));
      acknowledged.set(seq, writes.length);
      if (seq % 2 === 0) await waitFor("the inbox to be empty", () => inbox.stats().waiting === 0);
    }
    await waitFor("the inbox to be empty", () => inbox.stats().waiting === 0);
    return { writes, acknowledged, handled };
  }

  test("loses no message, changes no order, and repeats at most the one being handled", async ({ expect }) => {
    const COUNT = 5;
    const { writes, acknowledged, handled } = await record(COUNT);
    expect(writes.length).toBeGreaterThan(12);
    for (let crash = 0; crash <= writes.length; crash++) {
      const store = { keyValue: createMemoryKeyValue() };
      for (const write of writes.slice(0, crash)) await write(store.keyValue);
      const before = [...handled].filter(([, at]) => at <= crash).map(([seq]) => seq);
      await using inbox = await openTestInbox({ store });
      const after: number[] = [];
      await using _ = inbox.subscribe(">", async ({ body }) => void after.push(Number(textOf(body))));
      // The hub sends again what it has no acknowledgement of, and one of which the acknowledgement was lost.
      for (let seq = 1; seq <= COUNT; seq++) {
        const at = acknowledged.get(seq) ?? Infinity;
        const lost = [...acknowledged].findLast(([, when]) => when <= crash)?.[0] === seq;
        if (at > crash || lost) await inbox.accept(message(seq));
      }
      await waitFor("the inbox to be empty", () => inbox.stats().waiting === 0);
      const at = `after ${crash} of ${writes.length} writes: before ${before.join()}, after ${after.join()}`;
      expect(new Set([...before, ...after]).size, at).toBe(COUNT);
      expect(after, at).toEqual([...after].sort((a, b) => a - b));
      expect(new Set(after).size, at).toBe(after.length);
      const repeated = after.filter((seq) => before.includes(seq));
      expect(repeated.length, at).toBeLessThanOrEqual(1);
      if (repeated.length === 1) expect(repeated, at).toEqual([before.at(-1)]);
    }
  });
});
