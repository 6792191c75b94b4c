// Contract: a component and the providers that it is linked to may be on different devices: its imports are served there, and
// what comes for it is delivered from there.

import { connect } from "@nats-io/transport-node";
import { test } from "vitest";
import { connectLatticeClient } from "../../src/adapters/lattice/wasmcloud/client.ts";
import { millis } from "../../src/domain/units.ts";
import { exampleComponent, startAgent } from "../support/agent.ts";
import { startNats } from "../support/nats.ts";
import { waitFor } from "../support/wait-for.ts";

test("a component on one device works with the providers of another", async ({ expect }) => {
  await using hub = await startNats({ jetstream: true });
  const common = { hub: { mode: "direct", urls: [hub.url] }, lattice: { heartbeat: "1s" } };
  await using providers = await startAgent({
    ...common,
    device: { id: "providers" },
    providers: { bus: { type: "messaging-nats" }, store: { type: "keyvalue-memory" } },
  });
  const lattice = await connectLatticeClient({
    server: hub.url,
    credentials: undefined,
    lattice: "default",
    timeout: millis(15_000),
  });
  await using _ = lattice;
  await waitFor("the first device in the lattice", async () => (await providers.status()).lattice?.state === "joined");
  const subscriptions = JSON.stringify([{ subject: "sensors.>" }]);
  await lattice.ask("config.put.from-bus", { subscriptions });
  const link = async (more: object): Promise<unknown> =>
    await lattice.ask("link.put", { name: "default", source_config: [], target_config: [], ...more });
  const keyValue = { wit_namespace: "wasi", wit_package: "keyvalue", interfaces: ["store", "atomics"] };
  const messaging = { wit_namespace: "wasmcloud", wit_package: "messaging" };
  await link({ source_id: "smoother", target: "store", ...keyValue });
  await link({ source_id: "smoother", target: "bus", ...messaging, interfaces: ["consumer"] });
  await link({
    source_id: "bus",
    target: "smoother",
    ...messaging,
    interfaces: ["handler"],
    source_config: ["from-bus"],
  });
  await using component = await startAgent({
    ...common,
    device: { id: "component" },
    components: { smoother: { file: exampleComponent("smoother") } },
  });
  await waitFor("the component", async () => {
    const { components } = await component.status();
    return components.every(({ state }) => state === "running");
  });

  const sensor = await connect({ servers: hub.url });
  const smoothed: unknown[] = [];
  sensor.subscribe("readings.>", { callback: (_error, message) => void smoothed.push(message.json()) });
  await sensor.flush();
  const read = (seq: number, value: number): void =>
    sensor.publish("sensors.boiler", JSON.stringify({ sensor: "boiler", seq, value }));
  // What comes before the links are bound on both devices is lost, as it is on one.
  let sent = 0;
  await waitFor("a first reading", () => {
    if (performance.now() - sent > 250) {
      read(1, 50);
      sent = performance.now();
    }
    return smoothed.length > 0;
  });
  smoothed.length = 0;
  read(2, 60);
  const second = await waitFor("the second reading", () =>
    smoothed.find((one) => (one as { readonly seq: number }).seq === 2),
  );
  // The average is of what the store on the other device has kept.
  expect((second as { readonly smoothed: number }).smoothed).toBeGreaterThan(50);
  expect((second as { readonly smoothed: number }).smoothed).toBeLessThan(60);
  await sensor.close();
});
