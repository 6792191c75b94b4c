// Pins `wasi:keyvalue` on the agent's own database.

import { createKeyValueSqliteProvider } from "../../../providers/keyvalue/sqlite.ts";
import { wasiKeyValueSuite } from "../../conformance/keyvalue/suite.ts";
import { startProvider } from "../../support/provider-rig.ts";
import { createStoreFolder } from "../../support/store.ts";

wasiKeyValueSuite({
  name: "SQLite",
  create: async () => {
    await using stack = new AsyncDisposableStack();
    const folder = stack.use(await createStoreFolder());
    const { keyValue } = stack.use(await folder.open());
    const rig = stack.use(await startProvider(createKeyValueSqliteProvider, {}, { services: { keyValue } }));
    const owned = stack.move();
    return { ...rig, [Symbol.asyncDispose]: async () => await owned.disposeAsync() };
  },
});
