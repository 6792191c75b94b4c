// wadm itself schedules an application onto an agent, which `petiole deploy --lattice` hands to it.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { connect } from "@nats-io/transport-node";
import { exampleComponent, petiole, startAgent } from "../support/agent.ts";
import { startNats } from "../support/nats.ts";
import { spawnProcess, tempFolder } from "../support/processes.ts";
import { waitFor } from "../support/wait-for.ts";
import { interop } from "./report.ts";
import { peer } from "./peers.ts";

/** wadm forgets a host that says nothing for so long. */
const FORGOTTEN_MS = 75_000;

const manifest = (version: string, instances: number): string => `
apiVersion: core.oam.dev/v1beta1
kind: Application
metadata: { name: smoothing, annotations: { version: ${version}, description: An interoperability check } }
spec:
  components:
    - name: smoother
      type: component
      properties:
        image: file://${exampleComponent("smoother")}
        config: [{ name: limits, properties: { factor: "0.5" } }]
      traits:
        - type: spreadscaler
          properties: { instances: ${instances}, spread: [{ name: edge, requirements: { zone: edge } }] }
        - type: link
          properties: { target: { name: store }, namespace: wasi, package: keyvalue, interfaces: [store, atomics] }
        - type: link
          properties: { target: { name: bus }, namespace: wasmcloud, package: messaging, interfaces: [consumer] }
    - name: store
      type: capability
      properties: { image: petiole://keyvalue-memory }
      traits: [{ type: daemonscaler, properties: { instances: 1, spread: [{ name: edge, requirements: { zone: edge } }] } }]
    - name: bus
      type: capability
      properties: { image: petiole://messaging-memory }
      traits:
        - type: link
          properties:
            target: { name: smoother }
            namespace: wasmcloud
            package: messaging
            interfaces: [handler]
            source: { config: [{ name: topics, properties: { subscriptions: '[{"subject":"sensors.>"}]' } }] }
`;

await interop("wadm", async ({ step, check }) => {
  const program = peer("wadm");
  await using folder = await tempFolder();
  await using nats = await startNats({ jetstream: true });
  step(`nats-server ${nats.version}`);
  await using wadm = await spawnProcess(program, [nats.url.replace("nats://", "")], {
    env: { ...process.env, RUST_LOG: process.env["RUST_LOG"] ?? "wadm=info" },
  });
  await waitFor("wadm to run", () => wadm.output().includes("wadm runs"));
  const client = await connect({ servers: nats.url });
  const seen: string[] = [];
  client.subscribe("wasmbus.evt.default.>", {
    callback: (_error, message) => {
      const name = message.subject.split(".").at(-1) ?? "";
      if (name !== "host_heartbeat" && !name.startsWith("health_check")) seen.push(name);
    },
  });
  await using agent = await startAgent({
    hub: { mode: "direct", urls: [nats.url] },
    lattice: { labels: { zone: "edge" }, heartbeat: "5s", components_folder: "/" },
  });
  const host = (await agent.status()).lattice?.host;
  step(`petiole as host ${host}`);

  const file = join(folder.path, "app.yaml");
  const run = async (...args: readonly string[]) => {
    const done = await petiole(...args, "--lattice", "--nats", nats.url, "--timeout", "10s");
    step(
      `petiole ${args.join(" ").replace(folder.path, "")} --lattice → ${done.code}\n${done.stdout}${done.stderr}`.trimEnd(),
    );
    return done;
  };
  const deploy = async (version: string, instances: number, ...more: readonly string[]) => {
    await writeFile(file, manifest(version, instances));
    return await run("deploy", file, ...more);
  };
  const running = async () => {
    const { components, providers, links } = await agent.status();
    return {
      items: [...components, ...providers].map(({ id, state }) => `${id} ${state}`).sort(),
      links: links.map(({ source, target }) => `${source} → ${target}`).sort(),
    };
  };
  const instances = async (): Promise<unknown> => {
    const reply = await client.request(`wasmbus.ctl.v1.default.host.get.${host}`, "", { timeout: 5000 });
    return reply.json<{ response: { components: { max_instances: number }[] } }>().response.components[0]
      ?.max_instances;
  };

  check("a dry run shows what is new", (await deploy("1.0.0", 2, "--dry-run")).stdout.split("\n").length === 7);
  check("the application is deployed", (await deploy("1.0.0", 2)).code === 0);
  const first = await running();
  check(
    "everything of it runs here",
    first.items.length === 3 && first.items.every((one) => one.endsWith(" running")),
    first,
  );
  check("every link of it is here", first.links.length === 3, first.links);
  check("with the instances that were asked for", (await instances()) === 2);
  check("the list has it", /^smoothing +1\.0\.0 +1\.0\.0 +deployed/m.test((await run("apps")).stdout));
  check("again changes nothing", (await deploy("1.0.0", 2)).stdout.startsWith("nothing changes"));
  const refused = await deploy("1.0.0", 3);
  check(
    "other contents under a known version are refused",
    refused.code === 2 && refused.stderr.includes("other contents"),
  );
  check("a new version scales", (await deploy("1.1.0", 5)).code === 0 && (await instances()) === 5);
  await waitFor("wadm to be content", async () => (await run("apps")).stdout.includes("deployed"));

  step("the host is silent for longer than wadm remembers it");
  await setTimeout(2000);
  const before = seen.length;
  const calls = agent.output().split("Component started").length;
  process.kill(agent.pid, "SIGSTOP");
  await setTimeout(FORGOTTEN_MS);
  process.kill(agent.pid, "SIGCONT");
  await waitFor("the host to answer", async () => (await instances()) === 5);
  await setTimeout(20_000);
  step(`events since then: ${seen.slice(before).join(", ") || "none"}`);
  check("no workload was started anew", agent.output().split("Component started").length === calls);
  check("everything still runs", JSON.stringify(await running()) === JSON.stringify(first));
  check(
    "wadm calls it deployed again",
    await waitFor("deployed", async () => / deployed/.test((await run("apps")).stdout)),
  );

  check("undeploying takes it away", (await run("undeploy", "smoothing")).code === 0);
  const last = await waitFor("the host to be empty", async () => {
    const now = await running();
    return now.items.length === 0 && now.links.length === 0;
  });
  check("nothing of it is left", last);
  check("wadm has forgotten it", (await run("apps", "smoothing")).code === 2);
  await client.close();
});
