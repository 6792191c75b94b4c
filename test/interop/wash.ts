// wash itself against an agent and wadm: every command that speaks with a host or the lattice.

import { spawnSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { componentEmbed, componentNew, parse } from "@bytecodealliance/jco-transpile/wasm-tools";
import { exampleComponent, startAgent } from "../support/agent.ts";
import { startNats } from "../support/nats.ts";
import { spawnProcess, tempFolder } from "../support/processes.ts";
import { waitFor } from "../support/wait-for.ts";
import { interop } from "./report.ts";
import { peer, washBinary } from "./peers.ts";

const GREETING = "hello from petiole";

/** A component whose `greet` takes nothing and gives a text: what `wash call` can call. */
async function greeter(): Promise<Uint8Array> {
  const core = `(module
    (memory (export "memory") 1)
    (data (i32.const 64) "${GREETING}")
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (func (export "interop:greeter/greeter#greet") (result i32)
      (i32.store (i32.const 16) (i32.const 64))
      (i32.store (i32.const 20) (i32.const ${GREETING.length}))
      (i32.const 16)))`;
  const witSource = `package interop:greeter;
    interface greeter { greet: func() -> string; }
    world serving { export greeter; }`;
  return componentNew(await componentEmbed({ binary: await parse(core), witSource }));
}

const MANIFEST = `
apiVersion: core.oam.dev/v1beta1
kind: Application
metadata: { name: app, annotations: { version: 1.0.0 } }
spec:
  components:
    - name: smoother
      type: component
      properties: { image: "file://${exampleComponent("smoother")}" }
      traits:
        - { type: spreadscaler, properties: { instances: 1 } }
        - type: link
          properties: { target: { name: store }, namespace: wasi, package: keyvalue, interfaces: [store, atomics] }
    - { name: store, type: capability, properties: { image: petiole://keyvalue-memory } }
`;

await interop("wash", async ({ step, check }) => {
  const program = washBinary();
  const scheduler = peer("wadm");
  await using folder = await tempFolder();
  await using nats = await startNats({ jetstream: true });
  await using wadm = await spawnProcess(scheduler, [nats.url.replace("nats://", "")]);
  await waitFor("wadm to run", () => wadm.output().includes("wadm runs"));
  await using agent = await startAgent({
    hub: { mode: "direct", urls: [nats.url] },
    lattice: { labels: { zone: "edge" }, heartbeat: "2s", components_folder: "/" },
  });
  const host = String((await agent.status()).lattice?.host);
  step(`nats-server ${nats.version}, wadm, petiole as host ${host}`);
  const env = {
    ...process.env,
    HOME: folder.path,
    WASMCLOUD_CTL_HOST: "127.0.0.1",
    WASMCLOUD_CTL_PORT: String(nats.port),
    WASMCLOUD_RPC_HOST: "127.0.0.1",
    WASMCLOUD_RPC_PORT: String(nats.port),
    WASMCLOUD_CTL_TIMEOUT_MS: "10000",
    WASH_DISABLE_UPDATE_CHECK: "1",
  };
  const attempt = (...args: readonly string[]) => {
    const { status, stdout, stderr } = spawnSync(program, [...args, "--output", "json"], {
      env,
      encoding: "utf8",
      timeout: 120_000,
    });
    step(`wash ${args.join(" ")} → ${status}\n${stdout}${stderr}`.trimEnd());
    return { status, stdout };
  };
  const wash = (...args: readonly string[]): string => {
    const { status, stdout } = attempt(...args);
    check(`wash ${args.slice(0, 3).join(" ")}`, status === 0);
    return stdout;
  };
  const smoother = `file://${exampleComponent("smoother")}`;
  const other = `file://${exampleComponent("button-lamp")}`;
  const running = async () => {
    const { components, providers } = await agent.status();
    return [...components, ...providers].map(({ id, state }) => `${id} ${state}`);
  };

  check("the host is listed", wash("get", "hosts").includes(host));
  wash("label", host, "floor=2");
  check("the label is in the inventory", wash("get", "inventory", host).includes("floor"));
  wash("label", host, "floor", "--delete");
  wash("config", "put", "limits", "factor=0.5");
  check("the configuration is there", wash("config", "get", "limits").includes("0.5"));
  wash("start", "component", smoother, "smooth", "--config", "limits", "--constraint", "zone=edge");
  wash("start", "provider", "petiole://keyvalue-memory", "store");
  check("both run", (await running()).length === 2, await running());
  wash("link", "put", "smooth", "store", "wasi", "keyvalue", "--interface", "store", "--interface", "atomics");
  check("the link is listed", wash("get", "links").includes("keyvalue") && wash("link", "query").includes("smooth"));
  check("the link is here", (await agent.status()).links.length === 1);
  wash("scale", "component", host, smoother, "smooth", "--max-instances", "3", "--config", "limits");
  check("it is scaled", /"max_instances":\s*3/.test(wash("get", "inventory", host)));
  wash("update", "component", "smooth", other, "--host-id", host);
  await waitFor("the other component", () => attempt("get", "inventory", host).stdout.includes(other));
  wash("get", "claims");
  wash("link", "del", "smooth", "wasi", "keyvalue");
  wash("stop", "component", "smooth", "--host-id", host);
  wash("stop", "provider", "store", "--host-id", host);
  wash("config", "del", "limits");
  check("nothing runs", (await running()).length === 0, await running());

  const file = join(folder.path, "greeter.wasm");
  await writeFile(file, await greeter());
  wash("start", "component", `file://${file}`, "greeter");
  await using spy = await spawnProcess(program, ["--experimental", "spy", "greeter"], { env });
  const call = () => attempt("call", "greeter", "interop:greeter/greeter.greet").stdout;
  check("the component answers", call().includes(GREETING));
  // It does not say when it listens.
  await waitFor("wash spy to see a call", () => call() !== "" && spy.output().includes("Operation:"));
  step(`wash spy greeter\n${spy.output().trimEnd()}`);
  wash("stop", "component", "greeter", "--host-id", host);

  const manifest = join(folder.path, "app.yaml");
  await writeFile(manifest, MANIFEST);
  wash("app", "validate", manifest);
  wash("app", "deploy", manifest);
  await waitFor(
    "the application",
    async () => (await running()).filter((one) => one.endsWith(" running")).length === 2,
  );
  await waitFor("wadm to call it deployed", () =>
    attempt("app", "status", "app").stdout.toLowerCase().includes("deployed"),
  );
  wash("app", "list");
  wash("app", "undeploy", "app");
  await waitFor("the host to be empty", async () => (await running()).length === 0);
  wash("app", "delete", "app");
  wash("stop", "host", host);
  const ended = () =>
    agent.status().then(
      () => false,
      () => true,
    );
  check("the agent has ended", await waitFor("the end of the agent", ended));
});
