// What every key-value store does, on disk or in memory.

import { describe, test } from "vitest";
import type { KeyValueStore } from "../../src/provider/services.ts";

export interface KeyValueSubject {
  readonly name: string;
  open(): Promise<AsyncDisposable & { readonly keyValue: KeyValueStore }>;
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const decode = (value: Uint8Array | undefined): string | undefined => value && new TextDecoder().decode(value);

export function keyValueSuite(subject: KeyValueSubject): void {
  describe(`${subject.name} key-value store`, () => {
    test("set() and get() carry any bytes", async ({ expect }) => {
      await using store = await subject.open();
      const { keyValue } = store;
      await keyValue.set("b", "k", new Uint8Array([0, 255, 7]));
      expect([...((await keyValue.get("b", "k")) ?? [])]).toEqual([0, 255, 7]);
      await keyValue.set("b", "k", new Uint8Array());
      expect((await keyValue.get("b", "k"))?.byteLength).toBe(0);
      expect(await keyValue.get("b", "other")).toBeUndefined();
      expect(await keyValue.get("other", "k")).toBeUndefined();
    });

    test("get() sees a set() that nobody awaited", async ({ expect }) => {
      await using store = await subject.open();
      const pending = store.keyValue.set("b", "k", encode("new"));
      expect(decode(await store.keyValue.get("b", "k"))).toBe("new");
      await pending;
    });

    test("set() takes a copy of the value", async ({ expect }) => {
      await using store = await subject.open();
      const value = encode("before");
      const pending = store.keyValue.set("b", "k", value);
      value.fill(120);
      await pending;
      expect(decode(await store.keyValue.get("b", "k"))).toBe("before");
    });

    test("set() refuses the empty key", async ({ expect }) => {
      await using store = await subject.open();
      await expect(store.keyValue.set("b", "", encode("v"))).rejects.toMatchObject({ code: "ERR_INVARIANT" });
    });

    test("delete() removes a key, and does not mind when it is not there", async ({ expect }) => {
      await using store = await subject.open();
      const { keyValue } = store;
      await keyValue.set("b", "k", encode("v"));
      expect(await keyValue.has("b", "k")).toBe(true);
      await keyValue.delete("b", "k");
      await keyValue.delete("b", "k");
      await keyValue.delete("none", "k");
      expect(await keyValue.has("b", "k")).toBe(false);
      expect(await keyValue.get("b", "k")).toBeUndefined();
    });

    test("keys() lists in binary order, page by page", async ({ expect }) => {
      await using store = await subject.open();
      const { keyValue } = store;
      // U+FFFD sorts before U+1F600 in UTF-8, and after it in UTF-16.
      const keys = ["a", "b", "ba", "z", "é", "\u{fffd}", "\u{1f600}"];
      for (const key of keys.toReversed()) await keyValue.set("b", key, encode("v"));
      await keyValue.set("another", "c", encode("v"));
      const listed: string[] = [];
      for (let after: string | undefined; ;) {
        const page = await keyValue.keys("b", after, 3);
        listed.push(...page);
        after = page.at(-1);
        if (page.length < 3) break;
      }
      expect(listed).toEqual(keys);
      expect(await keyValue.keys("b", "aa", 1)).toEqual(["b"]);
      expect(await keyValue.keys("none", undefined, 10)).toEqual([]);
    });

    test("increment() counts from nothing, up and down, and returns the new value", async ({ expect }) => {
      await using store = await subject.open();
      const { keyValue } = store;
      expect(await keyValue.increment("b", "n", 5n)).toBe(5n);
      expect(await keyValue.increment("b", "n", -7n)).toBe(-2n);
      expect(decode(await keyValue.get("b", "n"))).toBe("-2");
      await keyValue.set("b", "n", encode("41"));
      expect(await keyValue.increment("b", "n", 1n)).toBe(42n);
    });

    test("increment() is atomic among concurrent calls", async ({ expect }) => {
      await using store = await subject.open();
      const results = await Promise.all(Array.from({ length: 100 }, () => store.keyValue.increment("b", "n", 1n)));
      expect(results).toEqual(Array.from({ length: 100 }, (_, n) => BigInt(n + 1)));
    });

    test("increment() refuses what is no counter and what leaves 64 bits, and changes nothing", async ({ expect }) => {
      await using store = await subject.open();
      const { keyValue } = store;
      await keyValue.set("b", "text", encode("many"));
      await expect(keyValue.increment("b", "text", 1n)).rejects.toBeInstanceOf(RangeError);
      expect(decode(await keyValue.get("b", "text"))).toBe("many");
      await keyValue.set("b", "max", encode((2n ** 64n - 1n).toString()));
      await expect(keyValue.increment("b", "max", 1n)).rejects.toBeInstanceOf(RangeError);
      expect(await keyValue.increment("b", "max", 0n)).toBe(2n ** 64n - 1n);
      await keyValue.set("b", "min", encode((-(2n ** 63n)).toString()));
      await expect(keyValue.increment("b", "min", -1n)).rejects.toBeInstanceOf(RangeError);
      expect(await keyValue.increment("b", "min", 0n)).toBe(-(2n ** 63n));
    });

    test("increment() keeps to the bounds that it is given, and changes nothing beyond them", async ({ expect }) => {
      await using store = await subject.open();
      const { keyValue } = store;
      await keyValue.set("b", "below", encode("-5"));
      const bounds = { min: 0n, max: 10n };
      await expect(keyValue.increment("b", "below", 1n, bounds)).rejects.toBeInstanceOf(RangeError);
      expect(decode(await keyValue.get("b", "below"))).toBe("-5");
      expect(await keyValue.increment("b", "below", 15n, bounds)).toBe(10n);
    });

    test("swap() sets a value only while the expected one is there", async ({ expect }) => {
      await using store = await subject.open();
      const { keyValue } = store;
      expect(await keyValue.swap("b", "k", encode("x"), encode("y"))).toBe(false);
      expect(await keyValue.swap("b", "k", undefined, encode("first"))).toBe(true);
      expect(await keyValue.swap("b", "k", undefined, encode("again"))).toBe(false);
      expect(await keyValue.swap("b", "k", encode("firs"), encode("again"))).toBe(false);
      const results = await Promise.all(
        Array.from({ length: 10 }, (_, n) => keyValue.swap("b", "k", encode("first"), encode(String(n)))),
      );
      expect(results.filter(Boolean)).toHaveLength(1);
      await keyValue.set("b", "k", encode(""));
      expect(await keyValue.swap("b", "k", undefined, encode("z"))).toBe(false);
      expect(await keyValue.swap("b", "k", encode(""), encode("z"))).toBe(true);
      expect(decode(await keyValue.get("b", "k"))).toBe("z");
    });

    test("a refused increment() leaves writes of the same moment alone", async ({ expect }) => {
      await using store = await subject.open();
      const { keyValue } = store;
      await keyValue.set("b", "text", encode("many"));
      const [set, refused, counted] = await Promise.allSettled([
        keyValue.set("b", "k", encode("v")),
        keyValue.increment("b", "text", 1n),
        keyValue.increment("b", "n", 1n),
      ]);
      expect([set.status, refused.status, counted.status]).toEqual(["fulfilled", "rejected", "fulfilled"]);
      expect(decode(await keyValue.get("b", "k"))).toBe("v");
    });
  });
}
