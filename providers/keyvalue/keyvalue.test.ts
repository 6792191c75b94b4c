import { describe, test } from "vitest";
import { keyValueSuite } from "../../test/conformance/key-value.ts";
import { wasiKeyValueSuite } from "../../test/conformance/keyvalue/suite.ts";
import { bindLink, startProvider, type BoundLink } from "../../test/support/provider-rig.ts";
import { PetioleError, type WitError } from "../../src/domain/errors.ts";
import { bytes, mebibytes } from "../../src/domain/units.ts";
import type { KeyValueStore } from "../../src/provider/services.ts";
import { createKeyValueMemoryProvider } from "./memory.ts";
import { createMemoryStore } from "./memory-store.ts";
import { createKeyValueSqliteProvider } from "./sqlite.ts";

wasiKeyValueSuite({
  name: "memory",
  ordered: true,
  create: async () => await startProvider(createKeyValueMemoryProvider, {}),
});

keyValueSuite({
  name: "the memory provider's",
  open: async () => ({ keyValue: createMemoryStore(mebibytes(16)), [Symbol.asyncDispose]: async () => {} }),
});

describe("createMemoryStore()", () => {
  test("refuses what exceeds its capacity, keys included, and gives room back", async ({ expect }) => {
    const store = createMemoryStore(bytes(10));
    await store.set("b", "key", Buffer.alloc(7));
    await expect(store.set("b", "k", Buffer.alloc(0))).rejects.toThrow(RangeError);
    await store.set("b", "key", Buffer.alloc(6));
    await store.set("b", "k", Buffer.alloc(0));
    await store.delete("b", "key");
    await store.set("c", "other", Buffer.alloc(4));
    expect(await store.keys("b", undefined, 10)).toEqual(["k"]);
  });
});

describe("createKeyValueMemoryProvider()", () => {
  test("a full store is the component's err, not its end", async ({ expect }) => {
    await using rig = await startProvider(createKeyValueMemoryProvider, { capacity: "8B" });
    await using link = await rig.bind({});
    await expect(
      link.call("wasi:keyvalue/store", "[method]bucket.set", "default", "key", new Uint8Array(10)),
    ).rejects.toMatchObject({ payload: { tag: "other" } });
  });

  test("a link takes what another provider gave out, before a swap, for what it is", async ({ expect }) => {
    const links = await Promise.all(
      [1, 2].map(async () => (await startProvider(createKeyValueMemoryProvider, {})).bind({})),
    );
    const [before, after] = links.map(
      (link) =>
        async (...args: Parameters<BoundLink["call"]>) =>
          await link.call(...args),
    );
    if (before === undefined || after === undefined) throw new Error("there are two links");
    const [STORE, ATOMICS] = ["wasi:keyvalue/store", "wasi:keyvalue/atomics"];
    const bucket = await before(STORE, "open", "default");
    for (const call of [before, after]) {
      for (let key = 0; key < 150; key += 1)
        await call(STORE, "[method]bucket.set", bucket, `k${key}`, Buffer.from("1"));
    }
    const { cursor } = (await before(STORE, "[method]bucket.list-keys", bucket, undefined)) as { cursor: bigint };
    await expect(after(STORE, "[method]bucket.list-keys", bucket, cursor)).rejects.toMatchObject({
      payload: { tag: "other" },
    });
    const cas = await before(ATOMICS, "[static]cas.new", bucket, "k1");
    const failure: unknown = await after(ATOMICS, "swap", cas, Buffer.from("2")).catch((error: unknown) => error);
    expect(failure).toMatchObject({ payload: { tag: "cas-failed" } });
    // It comes with one that is of this store.
    const { val } = (failure as WitError).payload as { val: unknown };
    await after(ATOMICS, "swap", val, Buffer.from("2"));
    await before(ATOMICS, "swap", cas, Buffer.from("3"));
  });

  test("bind() is refused after disposal", async ({ expect }) => {
    const rig = await startProvider(createKeyValueMemoryProvider, {});
    await rig[Symbol.asyncDispose]();
    await expect(bindLink(rig.provider, {})).rejects.toMatchObject({ code: "ERR_PROVIDER_STOPPED" });
  });
});

describe("createKeyValueSqliteProvider()", () => {
  const failing = (code: "ERR_STORE_FAILED" | "ERR_INVARIANT"): KeyValueStore => ({
    ...createMemoryStore(bytes(0)),
    get: async () => await Promise.reject(new PetioleError(code, "disk I/O error in /var/lib/petiole/state.db")),
  });

  test("a failed store is the component's err, without paths", async ({ expect }) => {
    const services = { keyValue: failing("ERR_STORE_FAILED") };
    await using rig = await startProvider(createKeyValueSqliteProvider, {}, { services });
    await using link = await rig.bind({});
    const get = link.call("wasi:keyvalue/store", "[method]bucket.get", "default", "k");
    await expect(get).rejects.toMatchObject({
      payload: { tag: "other", val: expect.not.stringContaining("/") as string },
    });
  });

  test("a fault of ours stays one", async ({ expect }) => {
    const services = { keyValue: failing("ERR_INVARIANT") };
    await using rig = await startProvider(createKeyValueSqliteProvider, {}, { services });
    await using link = await rig.bind({});
    await expect(link.call("wasi:keyvalue/store", "[method]bucket.get", "default", "k")).rejects.toMatchObject({
      code: "ERR_INVARIANT",
    });
  });
});
