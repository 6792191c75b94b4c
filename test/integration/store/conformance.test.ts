// The SQLite store on a real disk passes the suites that the memory store passes.

import { keyValueSuite } from "../../conformance/key-value.ts";
import { outboxSuite } from "../../conformance/outbox.ts";
import { createStoreFolder } from "../../support/store.ts";
import type { OutboxOptions, Store } from "../../../src/adapters/store/index.ts";

async function openInNewFolder(outbox?: Partial<OutboxOptions>): Promise<Store> {
  const folder = await createStoreFolder();
  const store = await folder.open(outbox);
  return {
    ...store,
    [Symbol.asyncDispose]: async () => {
      await using _folder = folder;
      await store[Symbol.asyncDispose]();
    },
  };
}

outboxSuite({ name: "openStore()", open: openInNewFolder });
keyValueSuite({ name: "openStore()", open: () => openInNewFolder() });
