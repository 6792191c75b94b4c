import { describe, test } from "vitest";
import { keyValueSuite } from "../../test/conformance/key-value.ts";
import { wasiKeyValueSuite } from "../../test/conformance/keyvalue/suite.ts";
import { bindLink, startProvider } from "../../test/support/provider-rig.ts";
import { PetioleError } from "../../src/domain/errors.ts";
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
