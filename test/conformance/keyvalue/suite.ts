// What a component may rely on from `wasi:keyvalue`, wherever the keys are kept.

import { describe, test } from "vitest";
import { bindLink } from "../../support/provider-rig.ts";
import { atomicsTests } from "./atomics.ts";
import { batchTests } from "./batch.ts";
import { modelTests } from "./model.ts";
import { ATOMICS, STORE, open, refused, text, type KeyValueSubject } from "./subject.ts";

export type { KeyValueSubject } from "./subject.ts";

/** Keys that some backend could take for something else: for a pattern, a subject, a path, two keys, or no text. */
const HOSTILE = [
  "a.b",
  ".a",
  "a.",
  "a..b",
  "*",
  ">",
  "a.*.>",
  "?[a-z]^\\",
  "a b\r\n\t",
  "a:b/c",
  "../../etc",
  "%2F",
  "=2E",
  "$KV.x",
  "\u0000",
  "é",
  "\u{1f600}",
  "x".repeat(1024),
  "\u{1f600}".repeat(256),
];

export function wasiKeyValueSuite(subject: KeyValueSubject): void {
  describe(`wasi:keyvalue on ${subject.name}`, () => {
    storeTests(subject);
    atomicsTests(subject);
    batchTests(subject);
    modelTests(subject);
  });
}

function storeTests(subject: KeyValueSubject): void {
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
    expect(await bucket.exists("k")).toBe(true);
    await bucket.remove("k");
    await bucket.remove("k");
    expect(await bucket.get("k")).toBeUndefined();
    expect(await bucket.exists("k")).toBe(false);
  });

  test("a bucket's representation is all that is needed to use it again", async ({ expect }) => {
    await using rig = await subject.create();
    await using first = await open(rig);
    await first.set("k", "kept");
    await using again = await open(rig);
    expect(text(await again.get("k"))).toBe("kept");
  });

  test("buckets, and components with their buckets, are apart unless they share a namespace", async ({ expect }) => {
    await using rig = await subject.create();
    await using mine = await open(rig, { component: "a", identifier: "one" });
    await using other = await open(rig, { component: "a", identifier: "two" });
    await using theirs = await open(rig, { component: "b", identifier: "one" });
    await mine.set("k", "mine");
    expect(await other.get("k")).toBeUndefined();
    expect(await theirs.get("k")).toBeUndefined();
    expect(await theirs.listAll()).toEqual([]);
    const config = { namespace: "shared" };
    await using left = await open(rig, { config, component: "a" });
    await using right = await open(rig, { config, component: "b" });
    await left.set("k", "ours");
    expect(text(await right.get("k"))).toBe("ours");
  });

  test("keys of every kind are kept apart, and listed as they were set", async ({ expect }) => {
    await using rig = await subject.create();
    await using bucket = await open(rig);
    for (const key of HOSTILE) await bucket.set(key, key);
    for (const key of HOSTILE) expect(text(await bucket.get(key))).toBe(key);
    const listed = await bucket.listAll();
    expect([...new Set(listed)].sort()).toEqual([...HOSTILE].sort());
    await bucket.deleteMany(HOSTILE);
    expect(await bucket.listAll()).toEqual([]);
  });

  test("names of buckets and components cannot reach into each other", async ({ expect }) => {
    await using rig = await subject.create();
    const names = ["a", "a/b", "a:b", "a.b", "a*", "*", "a%3Ab", "b"];
    await using other = await open(rig, { component: "a" });
    await other.set("b:c", "other");
    for (const identifier of names) {
      await using bucket = await open(rig, { identifier });
      expect(await bucket.listAll()).toEqual([]);
      for (const key of ["c", "b:c", "b/c", "b.c"]) {
        expect(await bucket.exists(key)).toBe(false);
        await bucket.set(key, identifier);
      }
    }
    for (const identifier of names) {
      await using bucket = await open(rig, { identifier });
      expect(text(await bucket.get("c"))).toBe(identifier);
      expect([...new Set(await bucket.listAll())].sort()).toEqual(["b.c", "b/c", "b:c", "c"]);
    }
  });

  test("list-keys goes through all keys in pages, and more than once", async ({ expect }) => {
    await using rig = await subject.create();
    await using bucket = await open(rig);
    const keys = Array.from({ length: 250 }, (_, i) => `key-${String(i).padStart(3, "0")}`);
    await bucket.setMany(keys.toReversed().map((key) => [key, "x"]));
    await using another = await open(rig, { identifier: "another" });
    await another.set("key-300", "x");
    for (let time = 0; time < 2; time += 1) {
      const listed = await bucket.listAll();
      expect(subject.ordered ? listed : [...new Set(listed)].sort()).toEqual(keys);
    }
    const first = await bucket.list();
    expect(first.keys.length).toBeLessThan(250);
    // A page can be asked for again, such as after a call that was given up.
    const [second, again] = [await bucket.list(first.cursor), await bucket.list(first.cursor)];
    if (subject.ordered) expect(second.keys).toEqual(again.keys);
  });

  test("list-keys of an empty bucket has no keys, and the last page has no cursor", async ({ expect }) => {
    await using rig = await subject.create();
    await using bucket = await open(rig);
    expect(await bucket.list()).toEqual({ keys: [], cursor: undefined });
    await bucket.setMany(Array.from({ length: 100 }, (_, i) => [`key-${i}`, "x"]));
    expect(new Set(await bucket.listAll()).size).toBe(100);
    if (subject.ordered) {
      const page = await bucket.list();
      expect([page.keys.length, page.cursor]).toEqual([100, undefined]);
    }
  });

  test("list-keys has text for a cursor in 0.2.0-draft2", async ({ expect }) => {
    await using rig = await subject.create();
    await using bucket = await open(rig, { version: "0.2.0-draft2" });
    await bucket.setMany(Array.from({ length: 150 }, (_, i) => [`key-${i}`, "x"]));
    const page = await bucket.list<string>();
    expect(page.cursor).toBeTypeOf("string");
    const rest = await bucket.list<string>(page.cursor);
    expect(new Set([...page.keys, ...rest.keys]).size).toBe(150);
    for (const cursor of ["", "-1", "1e3", "77", "9".repeat(100)]) {
      await expect(bucket.list(cursor)).rejects.toMatchObject(refused);
    }
  });

  test("list-keys refuses a cursor that it never gave out", async ({ expect }) => {
    await using rig = await subject.create();
    await using bucket = await open(rig);
    await expect(bucket.list(77n)).rejects.toMatchObject(refused);
  });

  test("open fails with no-such-store for no name and access-denied for one that is not granted", async ({
    expect,
  }) => {
    await using rig = await subject.create();
    await using link = await bindLink(rig.provider, { config: { buckets: ["granted"] } });
    await expect(link.call(STORE, "open", "")).rejects.toMatchObject({ payload: { tag: "no-such-store" } });
    const unbounded = "x".repeat(129);
    await expect(link.call(STORE, "open", unbounded)).rejects.toMatchObject({ payload: { tag: "no-such-store" } });
    await expect(link.call(STORE, "open", "other")).rejects.toMatchObject({ payload: { tag: "access-denied" } });
    expect(await link.call(STORE, "open", "granted")).toBe("granted");
    // A bucket that was opened before the link's configuration changed.
    const denied = { payload: { tag: "access-denied" } };
    await expect(link.call(STORE, "[method]bucket.get", "other", "k")).rejects.toMatchObject(denied);
    await expect(link.call(ATOMICS, "[static]cas.new", "other", "k")).rejects.toMatchObject(denied);
  });

  test("open refuses a version of the contract that is not served", async ({ expect }) => {
    await using rig = await subject.create();
    await expect(open(rig, { version: "0.2.0-draft3" })).rejects.toMatchObject(refused);
    await using bucket = await open(rig, { version: "0.2.0-draft" });
    expect(await bucket.exists("k")).toBe(false);
  });

  test("keys and values beyond the link's limits are refused with other", async ({ expect }) => {
    await using rig = await subject.create();
    await using bucket = await open(rig, { config: { max_key: "4B", max_value: "8B" } });
    await bucket.set("1234", "12345678");
    await expect(bucket.set("", "x")).rejects.toMatchObject(refused);
    await expect(bucket.set("12345", "x")).rejects.toMatchObject(refused);
    await expect(bucket.get("ééé")).rejects.toMatchObject(refused);
    await expect(bucket.set("k", "123456789")).rejects.toMatchObject(refused);
    await expect(bucket.increment("12345", 1n)).rejects.toMatchObject(refused);
    await expect(bucket.cas("12345")).rejects.toMatchObject(refused);
    await expect(bucket.deleteMany(["k", ""])).rejects.toMatchObject(refused);
    await expect(bucket.setMany([["k", "123456789"]])).rejects.toMatchObject(refused);
    expect(await bucket.exists("k")).toBe(false);
  });

  test("a value of one mebibyte less some room for its name is carried", async ({ expect }) => {
    await using rig = await subject.create();
    await using bucket = await open(rig);
    const value = Buffer.alloc(1_048_576 - 4096, "petiole");
    await bucket.set("large", value);
    expect(Buffer.compare((await bucket.get("large")) as Uint8Array, value)).toBe(0);
  });

  test("disposing a link waits for its calls in flight", async ({ expect }) => {
    await using rig = await subject.create();
    const bucket = await open(rig);
    let ended = 0;
    const calls = Array.from({ length: 20 }, async (_, i) => {
      await bucket.set(`key-${i}`, "x");
      ended += 1;
    });
    await bucket[Symbol.asyncDispose]();
    expect(ended).toBe(20);
    await Promise.all(calls);
  });
}
