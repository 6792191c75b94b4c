// What a component may rely on from `wasi:keyvalue` of 0.2.0-draft, wherever the keys are kept.

import { describe, test } from "vitest";
import { bindLink, type BoundLink, type Rig } from "../../support/provider-rig.ts";

const STORE = "wasi:keyvalue/store";
const ATOMICS = "wasi:keyvalue/atomics";

interface KeyResponse {
  readonly keys: readonly string[];
  readonly cursor: bigint | undefined;
}

const text = (value: unknown): string => Buffer.from(value as Uint8Array).toString();

/** A component with one bucket open. */
async function open(rig: Rig, config: object = {}, component = "component", identifier = "default") {
  const link: BoundLink = await bindLink(rig.provider, { component, config });
  const bucket = await link.call(STORE, "open", identifier);
  return {
    link,
    get: async (key: string) => await link.call(STORE, "[method]bucket.get", bucket, key),
    set: async (key: string, value: string | Uint8Array) =>
      await link.call(STORE, "[method]bucket.set", bucket, key, new Uint8Array(Buffer.from(value))),
    remove: async (key: string) => await link.call(STORE, "[method]bucket.delete", bucket, key),
    exists: async (key: string) => await link.call(STORE, "[method]bucket.exists", bucket, key),
    // What `list-keys` returns by its WIT.
    list: async (cursor?: bigint) =>
      (await link.call(STORE, "[method]bucket.list-keys", bucket, cursor)) as KeyResponse,
    increment: async (key: string, delta: bigint) => await link.call(ATOMICS, "increment", bucket, key, delta),
    [Symbol.asyncDispose]: async () => await link[Symbol.asyncDispose](),
  };
}

export function wasiKeyValueSuite(subject: { readonly name: string; create(): Promise<Rig> }): void {
  describe(`wasi:keyvalue on ${subject.name}`, () => {
    test("set, get, exists and delete carry any bytes", async ({ expect }) => {
      await using rig = await subject.create();
      await using bucket = await open(rig);
      expect(await bucket.get("k")).toBeUndefined();
      expect(await bucket.exists("k")).toBe(false);
      const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
      await bucket.set("k", bytes);
      expect(new Uint8Array((await bucket.get("k")) as Uint8Array)).toEqual(bytes);
      expect(await bucket.exists("k")).toBe(true);
      await bucket.set("k", "");
      expect(text(await bucket.get("k"))).toBe("");
      await bucket.remove("k");
      await bucket.remove("k");
      expect(await bucket.get("k")).toBeUndefined();
    });

    test("a bucket's representation is its identifier, which another provider gets after a swap", async ({
      expect,
    }) => {
      await using rig = await subject.create();
      await using first = await open(rig);
      expect(await first.link.call(STORE, "open", "default")).toBe("default");
      await first.set("k", "kept");
      await using again = await open(rig);
      expect(text(await again.get("k"))).toBe("kept");
    });

    test("buckets, and components with their buckets, are apart unless they share a namespace", async ({ expect }) => {
      await using rig = await subject.create();
      await using mine = await open(rig, {}, "a", "one");
      await using other = await open(rig, {}, "a", "two");
      await using theirs = await open(rig, {}, "b", "one");
      await mine.set("k", "mine");
      expect(await other.get("k")).toBeUndefined();
      expect(await theirs.get("k")).toBeUndefined();
      await using left = await open(rig, { namespace: "shared" }, "a");
      await using right = await open(rig, { namespace: "shared" }, "b");
      await left.set("k", "ours");
      expect(text(await right.get("k"))).toBe("ours");
    });

    test("list-keys goes through all keys in pages, in order, and more than once", async ({ expect }) => {
      await using rig = await subject.create();
      await using bucket = await open(rig);
      const keys = Array.from({ length: 250 }, (_, i) => `key-${String(i).padStart(3, "0")}`);
      for (const key of keys.toReversed()) await bucket.set(key, "x");
      const listAll = async (): Promise<readonly string[]> => {
        const found: string[] = [];
        let page = await bucket.list();
        for (;;) {
          found.push(...page.keys);
          if (page.cursor === undefined) return found;
          page = await bucket.list(page.cursor);
        }
      };
      expect(await listAll()).toEqual(keys);
      expect(await listAll()).toEqual(keys);
    });

    test("list-keys of an empty bucket has no keys and no cursor, a full page without more has no cursor", async ({
      expect,
    }) => {
      await using rig = await subject.create();
      await using bucket = await open(rig);
      expect(await bucket.list()).toEqual({ keys: [], cursor: undefined });
      for (let i = 0; i < 100; i += 1) await bucket.set(`key-${i}`, "x");
      const page = await bucket.list();
      expect([page.keys.length, page.cursor]).toEqual([100, undefined]);
    });

    test("list-keys refuses a cursor that it never gave out", async ({ expect }) => {
      await using rig = await subject.create();
      await using bucket = await open(rig);
      await expect(bucket.list(77n)).rejects.toMatchObject({ payload: { tag: "other" } });
    });

    test("increment counts from 0, also many at once, over all of 64 bits", async ({ expect }) => {
      await using rig = await subject.create();
      await using bucket = await open(rig);
      expect(await bucket.increment("n", 5n)).toBe(5n);
      await Promise.all(Array.from({ length: 50 }, async () => await bucket.increment("n", 1n)));
      expect(await bucket.increment("n", 0n)).toBe(55n);
      expect(await bucket.increment("big", 2n ** 64n - 1n)).toBe(2n ** 64n - 1n);
      await expect(bucket.increment("big", 1n)).rejects.toMatchObject({ payload: { tag: "other" } });
      expect(await bucket.increment("big", 0n)).toBe(2n ** 64n - 1n);
    });

    test("increment refuses what is no counter, and leaves it", async ({ expect }) => {
      await using rig = await subject.create();
      await using bucket = await open(rig);
      await bucket.set("k", "twelve");
      await expect(bucket.increment("k", 1n)).rejects.toMatchObject({ payload: { tag: "other" } });
      expect(text(await bucket.get("k"))).toBe("twelve");
      await bucket.set("below", "-5");
      await expect(bucket.increment("below", 1n)).rejects.toMatchObject({ payload: { tag: "other" } });
    });

    test("open fails with no-such-store for no name and access-denied for one that is not granted", async ({
      expect,
    }) => {
      await using rig = await subject.create();
      await using link = await bindLink(rig.provider, { config: { buckets: ["granted"] } });
      await expect(link.call(STORE, "open", "")).rejects.toMatchObject({ payload: { tag: "no-such-store" } });
      await expect(link.call(STORE, "open", "other")).rejects.toMatchObject({ payload: { tag: "access-denied" } });
      expect(await link.call(STORE, "open", "granted")).toBe("granted");
      // A bucket that was opened before the link's configuration changed.
      await expect(link.call(STORE, "[method]bucket.get", "other", "k")).rejects.toMatchObject({
        payload: { tag: "access-denied" },
      });
    });

    test("keys and values beyond the link's limits are refused with other", async ({ expect }) => {
      await using rig = await subject.create();
      await using bucket = await open(rig, { max_key: "4B", max_value: "8B" });
      const refused = { payload: { tag: "other" } };
      await bucket.set("1234", "12345678");
      await expect(bucket.set("", "x")).rejects.toMatchObject(refused);
      await expect(bucket.set("12345", "x")).rejects.toMatchObject(refused);
      await expect(bucket.get("ééé")).rejects.toMatchObject(refused);
      await expect(bucket.set("k", "123456789")).rejects.toMatchObject(refused);
      await expect(bucket.increment("12345", 1n)).rejects.toMatchObject(refused);
    });
  });
}
