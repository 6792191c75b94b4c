// Pins `wasi:keyvalue` on real NATS servers.

import { afterAll, beforeAll, describe } from "vitest";
import { createKeyValueNatsProvider } from "../../../providers/keyvalue/nats/index.ts";
import type { NatsPaths } from "../../../src/provider/services.ts";
import { wasiKeyValueSuite } from "../../conformance/keyvalue/suite.ts";
import { openNatsPaths } from "../../support/nats-path.ts";
import { serverVersions, startNats } from "../../support/nats.ts";
import { startProvider } from "../../support/provider-rig.ts";

for (const { name, binary, skip } of await serverVersions()) {
  describe.skipIf(skip !== undefined)(`keyvalue-nats, ${name} server`, () => {
    const stack = new AsyncDisposableStack();
    let nats: NatsPaths;
    beforeAll(async () => {
      const server = stack.use(await startNats({ binary, jetstream: true }));
      nats = stack.use(await openNatsPaths(server.url));
    });
    afterAll(async () => await stack.disposeAsync());

    // A bucket that keeps several messages of each key is listed in another way.
    for (const history of [1, 5]) {
      let made = 0;
      wasiKeyValueSuite({
        name: `NATS ${name}, keeping ${history} of each key`,
        ordered: false,
        create: async () => {
          made += 1;
          const config = { bucket: `b-${history}-${made}`, create: { history, storage: "memory" } };
          return await startProvider(createKeyValueNatsProvider, config, { services: { nats } });
        },
      });
    }
  });
}
