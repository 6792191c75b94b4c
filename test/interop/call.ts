// Calls in both directions over wRPC, with the transport's own implementation at the other end.

import { connectLatticeClient } from "../../src/adapters/lattice/wasmcloud/client.ts";
import { seconds } from "../../src/domain/units.ts";
import { fixtureComponent, startAgent } from "../support/agent.ts";
import { startNats } from "../support/nats.ts";
import { spawnProcess } from "../support/processes.ts";
import { waitFor } from "../support/wait-for.ts";
import { interop } from "./report.ts";
import { peer } from "./peers.ts";

const LATTICE = "interop";

await interop("wRPC", async ({ step, check }) => {
  const program = peer("call");
  await using nats = await startNats({ jetstream: true });
  step(`nats-server ${nats.version}`);
  await using agent = await startAgent({
    hub: { mode: "direct", urls: [nats.url] },
    lattice: { name: LATTICE, heartbeat: "2s", components_folder: "/" },
  });
  const host = (await agent.status()).lattice?.host;
  await using client = await connectLatticeClient({
    server: nats.url,
    credentials: undefined,
    lattice: LATTICE,
    timeout: seconds(10),
  });
  await waitFor("the host", async () => (await client.hosts()).some(({ id }) => id === host));
  await client.ask("link.put", {
    source_id: "mirror",
    target: "peer",
    name: "default",
    wit_namespace: "petiole",
    wit_package: "fixture-types",
    interfaces: ["mirror"],
    source_config: [],
    target_config: [],
  });
  await client.ask(`component.scale.${host}`, {
    component_ref: `file://${fixtureComponent("types")}`,
    component_id: "mirror",
    annotations: null,
    count: 4,
    host_id: host,
    config: [],
    allow_update: false,
  });
  await waitFor("the component", async () => (await agent.status()).components[0]?.state === "running");
  step("a component runs, and is linked to the peer");
  await using child = await spawnProcess(program, [nats.url, LATTICE, "mirror"]);
  child.child.stdout?.on("data", (chunk: Buffer) => process.stdout.write(chunk));
  const { code } = await child.exited;
  check("the peer ended without a complaint", code === 0, { code, output: code === 0 ? "" : child.output() });
  const { calls, failures } = (await agent.status()).components[0] ?? {};
  check("each of its calls went through the component, and none failed", calls === 55 && failures === 0, {
    calls,
    failures,
  });
});
