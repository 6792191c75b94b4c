// Every call of the control interface's own client, in two releases, against an agent.

import { exampleComponent, startAgent } from "../support/agent.ts";
import { startNats } from "../support/nats.ts";
import { spawnProcess } from "../support/processes.ts";
import { interop } from "./report.ts";
import { peer } from "./peers.ts";

await interop("control interface", async ({ step, check }) => {
  const control = peer("control");
  await using nats = await startNats({ jetstream: true });
  step(`nats-server ${nats.version} at ${nats.url}`);
  await using agent = await startAgent({
    hub: { mode: "direct", urls: [nats.url] },
    lattice: { name: "interop", labels: { zone: "edge" }, heartbeat: "2s", components_folder: "/" },
  });
  step(`petiole ${(await agent.status()).version} as host ${(await agent.status()).lattice?.host}`);
  const references = ["smoother", "button-lamp"].map((name) => `file://${exampleComponent(name)}`);
  await using child = await spawnProcess(control, [nats.url, "interop", ...references]);
  child.child.stdout?.on("data", (chunk: Buffer) => process.stdout.write(chunk));
  const { code } = await child.exited;
  check("the client ended without a complaint", code === 0, { code, output: code === 0 ? "" : child.output() });
});
