// A provider of wasmCloud 1.x, unchanged, under petiole: its messaging provider from crates.io, in an archive that wasmCloud's own
// library wrote, is started by the lattice, serves a component and calls it.

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import {
  link,
  scaleCommand,
  startLatticeRig,
  startProviderCommand,
  type Json,
} from "../conformance/lattice-v1/support.ts";
import { petiole, startAgent } from "../support/agent.ts";
import { freePort } from "../support/ports.ts";
import { waitFor } from "../support/wait-for.ts";
import { peer, TARGET } from "./peers.ts";
import { interop } from "./report.ts";

await interop("provider", async ({ step, check }) => {
  const [pack, binary] = [peer("pack"), peer("messaging-nats")];
  const archive = join(TARGET, "messaging-nats.par.gz");
  if (spawnSync(pack, [binary, archive], { stdio: "inherit" }).status !== 0) throw new Error("no archive");
  await using rig = await startLatticeRig({
    lattice: { executables: { from_outside: true, folder: TARGET, stop_delay: "5s" } },
  });
  step(`petiole ${(await rig.agent.status()).version} as host ${rig.host}`);

  async function command(verb: string, body: unknown): Promise<void> {
    const { success, message } = await rig.ask(verb, body);
    if (!success) throw new Error(`${verb}: ${message}`);
  }

  try {
    const reference = `file://${archive}`;
    const [started, passed] = [rig.next("provider_started"), rig.next("health_check_passed")];
    await command("provider.start.{h}", startProviderCommand(rig, { provider_id: "nats", provider_ref: reference }));
    check("the provider was started from its archive", (await started).data["provider_id"] === "nats");
    check("it answers, and says that it is well", (await passed).data["provider_id"] === "nats");
    const inventory = (await rig.inventory()).providers.find(({ id }) => id === "nats");
    check(
      "its name and revision are those of its claims",
      inventory?.["name"] === "NATS messaging" && inventory["revision"] === 3,
    );

    await command("config.put.incoming", { subscriptions: "raw.>", cluster_uris: rig.hub.url });
    await command("config.put.outgoing", { cluster_uris: rig.hub.url });
    const scaled = rig.next("component_scaled");
    await command("component.scale.{h}", scaleCommand(rig, {}));
    await scaled;
    const kept = rig.next("provider_started");
    await command("provider.start.{h}", startProviderCommand(rig, {}));
    await kept;
    await command("link.put", link({}));
    const messaging = { wit_namespace: "wasmcloud", wit_package: "messaging" };
    const toNats = { ...messaging, interfaces: ["consumer"], target: "nats", target_config: ["outgoing"] };
    await command("link.put", link(toNats));
    const fromNats = {
      ...messaging,
      interfaces: ["handler"],
      source_id: "nats",
      target: "smooth",
      source_config: ["incoming"],
    };
    await command("link.put", link(fromNats));

    const readings: Json[] = [];
    rig.client.subscribe("readings.>", { callback: (_error, message) => void readings.push(message.json<Json>()) });
    await rig.client.flush();
    let seq = 0;
    // The provider subscribes some moments after it was told of its link.
    await waitFor("a reading", () => {
      seq += 1;
      if (seq % 50 === 1) rig.client.publish("raw.boiler", JSON.stringify({ sensor: "boiler", seq, value: 20 }));
      return readings.length > 0;
    });
    check(
      "a message went from NATS to the provider, the component, back to the provider and to NATS",
      readings.length > 0,
    );

    await command("link.del", { source_id: "nats", name: "default", ...messaging });
    await waitFor("the subscription to end", async () => {
      const before = readings.length;
      rig.client.publish("raw.boiler", JSON.stringify({ sensor: "boiler", seq, value: 20 }));
      await rig.client.flush();
      await new Promise((resolve) => setTimeout(resolve, 500));
      return readings.length === before;
    });
    check("without the link nothing is delivered any more", true);
    await command("link.put", link(fromNats));
    const before = readings.length;
    await waitFor("a reading", () => {
      seq += 1;
      if (seq % 50 === 1) rig.client.publish("raw.boiler", JSON.stringify({ sensor: "boiler", seq, value: 20 }));
      return readings.length > before;
    });
    check("with it again, it is", true);

    const { report } = (await rig.agent.status()).providers.find(({ id }) => id === "nats") ?? {};
    process.kill(report?.pid ?? 0, "SIGKILL");
    await waitFor("another process", async () => {
      const next = (await rig.agent.status()).providers.find(({ id }) => id === "nats")?.report;
      return next?.restarts === 1 && next.healthy === true;
    });
    const after = readings.length;
    await waitFor("a reading", () => {
      seq += 1;
      if (seq % 50 === 1) rig.client.publish("raw.boiler", JSON.stringify({ sensor: "boiler", seq, value: 20 }));
      return readings.length > after;
    });
    check("killed, it is started again and goes on with its links", true);
    step((await petiole("status", "--socket", rig.agent.socket)).stdout);

    const stopped = rig.next("provider_stopped");
    await command("provider.stop.{h}", { host_id: rig.host, provider_id: "nats" });
    await stopped;
    check("it ends when it is asked to", !rig.agent.output().includes("is killed"));
  } finally {
    step("what the provider said, and what was said of it:");
    for (const line of rig.agent.output().split("\n")) if (line.includes('"provider":"nats"')) console.log(line);
  }

  const leaf = { listen: `127.0.0.1:${await freePort()}`, monitor: `127.0.0.1:${await freePort()}` };
  await using offline = await startAgent({
    hub: { urls: [`nats-leaf://127.0.0.1:${await freePort()}`], domain: "hub" },
    leaf,
    lattice: {},
    providers: { nats: { type: "executable", config: { file: binary } } },
  });
  await waitFor("the provider to be well", async () =>
    (await offline.status()).providers.some(({ report }) => report?.healthy === true),
  );
  check("as a bare executable it logs in at the local nats-server, without the hub", true);
});
