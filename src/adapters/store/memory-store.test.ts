import { describe, test } from "vitest";
import { keyValueSuite } from "../../../test/conformance/key-value.ts";
import { outboxSuite } from "../../../test/conformance/outbox.ts";
import { createMemoryStore } from "./index.ts";

outboxSuite({ name: "createMemoryStore()", open: async (outbox) => createMemoryStore({ outbox }) });
keyValueSuite({ name: "createMemoryStore()", open: async () => createMemoryStore() });

describe("createMemoryStore()", () => {
  test("state keeps texts by name until they are forgotten", async ({ expect }) => {
    await using store = createMemoryStore();
    await store.state.save("desired", "{}");
    expect(await store.state.load("desired")).toBe("{}");
    await store.state.save("desired", undefined);
    expect(await store.state.load("desired")).toBeUndefined();
  });

  test("each store has its own identity", ({ expect }) => {
    expect(createMemoryStore().outbox.storeId).not.toBe(createMemoryStore().outbox.storeId);
  });
});
