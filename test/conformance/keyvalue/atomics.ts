import { test } from "vitest";
import { open, refused, text, type KeyValueSubject } from "./subject.ts";

const DRAFT2 = { version: "0.2.0-draft2" };

export function atomicsTests(subject: KeyValueSubject): void {
  test("increment counts from 0, also many at once, over all of 64 bits", async ({ expect }) => {
    await using rig = await subject.create();
    await using bucket = await open(rig);
    expect(await bucket.increment("n", 5n)).toBe(5n);
    const counted = await Promise.all(Array.from({ length: 50 }, async () => await bucket.increment("n", 1n)));
    expect(new Set(counted).size).toBe(50);
    expect(await bucket.increment("n", 0n)).toBe(55n);
    expect(await bucket.increment("big", 2n ** 63n - 1n)).toBe(2n ** 63n - 1n);
    expect(await bucket.increment("big", 2n)).toBe(2n ** 63n + 1n);
    expect(await bucket.increment("big", 2n ** 63n - 2n)).toBe(2n ** 64n - 1n);
    await expect(bucket.increment("big", 1n)).rejects.toMatchObject(refused);
    expect(await bucket.increment("big", 0n)).toBe(2n ** 64n - 1n);
  });

  test("increment has a sign in 0.2.0-draft2", async ({ expect }) => {
    await using rig = await subject.create();
    await using bucket = await open(rig, DRAFT2);
    expect(await bucket.increment("n", -5n)).toBe(-5n);
    expect(await bucket.increment("n", 7n)).toBe(2n);
    expect(await bucket.increment("max", 2n ** 63n - 1n)).toBe(2n ** 63n - 1n);
    await expect(bucket.increment("max", 1n)).rejects.toMatchObject(refused);
    expect(await bucket.increment("max", 0n)).toBe(2n ** 63n - 1n);
    expect(await bucket.increment("min", -(2n ** 63n))).toBe(-(2n ** 63n));
    await expect(bucket.increment("min", -1n)).rejects.toMatchObject(refused);
  });

  test("increment refuses what is no counter, and leaves it", async ({ expect }) => {
    await using rig = await subject.create();
    await using bucket = await open(rig);
    for (const stored of ["twelve", "", " 1", "1.5", "1e3", "18446744073709551616", "1".repeat(500), "-5"]) {
      await bucket.set("k", stored);
      await expect(bucket.increment("k", 1n)).rejects.toMatchObject(refused);
      expect(text(await bucket.get("k"))).toBe(stored);
    }
    await bucket.set("k", "41");
    expect(await bucket.increment("k", 1n)).toBe(42n);
    expect(text(await bucket.get("k"))).toBe("42");
  });

  test("swap sets a value that nobody changed since", async ({ expect }) => {
    await using rig = await subject.create();
    await using bucket = await open(rig, DRAFT2);
    const none = await bucket.cas("k");
    expect(await bucket.current(none)).toBeUndefined();
    await bucket.swap(none, "first");
    const first = await bucket.cas("k");
    expect(text(await bucket.current(first))).toBe("first");
    await bucket.swap(first, "");
    expect(text(await bucket.get("k"))).toBe("");
    await bucket.swap(await bucket.cas("k"), "third");
    expect(text(await bucket.get("k"))).toBe("third");
    await bucket.remove("k");
    await bucket.swap(await bucket.cas("k"), "again");
    expect(text(await bucket.get("k"))).toBe("again");
  });

  test("swap fails with cas-failed and a cas of what is there now", async ({ expect }) => {
    await using rig = await subject.create();
    await using bucket = await open(rig, DRAFT2);
    const cas = await bucket.cas("k");
    await bucket.set("k", "theirs");
    const failed: { readonly payload?: { readonly tag: string; readonly val: unknown } } = await bucket
      .swap(cas, "mine")
      .then(
        () => ({}),
        (error: unknown) => error as object,
      );
    expect(failed.payload?.tag).toBe("cas-failed");
    expect(text(await bucket.get("k"))).toBe("theirs");
    expect(text(await bucket.current(failed.payload?.val))).toBe("theirs");
    await bucket.swap(failed.payload?.val, "mine");
    expect(text(await bucket.get("k"))).toBe("mine");
    const gone = await bucket.cas("k");
    await bucket.remove("k");
    await expect(bucket.swap(gone, "late")).rejects.toMatchObject({ payload: { tag: "cas-failed" } });
    expect(await bucket.exists("k")).toBe(false);
  });

  test("of many swaps of one value a single one succeeds", async ({ expect }) => {
    await using rig = await subject.create();
    await using bucket = await open(rig, DRAFT2);
    await bucket.set("k", "start");
    const cas = await bucket.cas("k");
    const results = await Promise.allSettled(
      Array.from({ length: 10 }, async (_, i) => await bucket.swap(cas, `value ${i}`)),
    );
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    const winner = results.findIndex(({ status }) => status === "fulfilled");
    expect(text(await bucket.get("k"))).toBe(`value ${winner}`);
  });

  test("swap refuses a value beyond the link's limit with store-error", async ({ expect }) => {
    await using rig = await subject.create();
    await using bucket = await open(rig, { ...DRAFT2, config: { max_value: "8B" } });
    const cas = await bucket.cas("k");
    await expect(bucket.swap(cas, "123456789")).rejects.toMatchObject({
      payload: { tag: "store-error", val: { tag: "other" } },
    });
    await bucket.swap(cas, "12345678");
  });
}
