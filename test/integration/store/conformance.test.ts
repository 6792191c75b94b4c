// The store on a real disk passes the suites, and so does the one that works in memory where nothing can be written.

import { keyValueSuite } from "../../conformance/key-value.ts";
import { outboxSuite } from "../../conformance/outbox.ts";
import { createStoreFolder } from "../../support/store.ts";
import { openStore, type OutboxOptions, type Store } from "../../../src/adapters/store/index.ts";
import { mebibytes } from "../../../src/domain/units.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { silentLogger } from "../../../src/lib/log.ts";

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

const openInMemory = (outbox?: Partial<OutboxOptions>): Promise<Store> =>
  openStore({
    dir: undefined,
    log: silentLogger,
    clock: systemClock,
    outbox: { maxBytes: mebibytes(64), ...outbox },
  });

outboxSuite({ name: "openStore() on disk", durable: true, open: openInNewFolder });
outboxSuite({ name: "openStore() in memory", durable: false, open: openInMemory });
keyValueSuite({ name: "openStore() on disk", open: () => openInNewFolder() });
keyValueSuite({ name: "openStore() in memory", open: () => openInMemory() });
