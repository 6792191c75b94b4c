// Pins that a component's messages work over a real nats-server as they do in memory and over MQTT.

import { createMessagingNatsProvider } from "../../../providers/messaging/nats.ts";
import { connectNats } from "../../../src/adapters/lattice/connection.ts";
import { createMessageBus } from "../../../src/adapters/lattice/message-bus.ts";
import { silentLogger } from "../../../src/lib/log.ts";
import { messagingSuite } from "../../conformance/messaging/suite.ts";
import { startNats } from "../../support/nats.ts";
import { startProvider } from "../../support/provider-rig.ts";
import { waitFor } from "../../support/wait-for.ts";

messagingSuite({
  name: "nats-server",
  syntax: "nats",
  queues: true,
  requests: true,
  create: async () => {
    await using stack = new AsyncDisposableStack();
    const nats = stack.use(await startNats());
    const connection = stack.use(connectNats({ servers: [nats.url], name: "test", log: silentLogger }));
    await waitFor("the connection", () => connection.current() !== undefined);
    const bus = createMessageBus({ connection, log: silentLogger });
    const rig = stack.use(await startProvider(createMessagingNatsProvider, {}, { services: { bus } }));
    const owned = stack.move();
    return {
      provider: rig.provider,
      settled: async () => await connection.current()?.flush(),
      [Symbol.asyncDispose]: async () => await owned.disposeAsync(),
    };
  },
});
