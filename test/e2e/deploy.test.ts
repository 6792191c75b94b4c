// Contract: an application is deployed to one device from its manifest, without any scheduler and without a network. It is there
// after a reboot, deploying it again changes nothing, a new version takes the place of the old one, and what cannot run here is
// refused before anything changes.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import mqtt from "mqtt";
import { afterAll, beforeAll, describe, test } from "vitest";
import { askAgent } from "../../src/adapters/control/client.ts";
import type { ApplicationStatus } from "../../src/domain/application.ts";
import { seconds } from "../../src/domain/units.ts";
import { exampleComponent, fixtureComponent, petiole, startAgent, type TestAgent } from "../support/agent.ts";
import { freePort } from "../support/ports.ts";
import { tempFolder } from "../support/processes.ts";
import { waitFor } from "../support/wait-for.ts";

const EXAMPLE = join(import.meta.dirname, "../../examples/smoother/application.yaml");

interface Rig extends AsyncDisposable {
  readonly agent: TestAgent;
  readonly broker: string;
  /** Writes a manifest and resolves with its path. */
  manifest(text: string): Promise<string>;
  run(...args: readonly string[]): Promise<{ code: number | null; stdout: string; stderr: string }>;
  apps(): Promise<readonly ApplicationStatus[]>;
  /** As the command does, without its process. */
  deploy(text: string): Promise<unknown>;
}

let rig: Rig;
let example = "";

beforeAll(async () => {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await tempFolder());
  const agent = stack.use(await startAgent({ providers: { fixed: { type: "keyvalue-memory" } } }));
  const port = await freePort();
  example = (await readFile(EXAMPLE, "utf8"))
    .replace("file://build/smoother.wasm", `file://${exampleComponent("smoother")}`)
    .replace("127.0.0.1:1883", `127.0.0.1:${port}`);
  const run: Rig["run"] = (...args) => petiole(...args, "--socket", agent.socket);
  const owned = stack.move();
  rig = {
    agent,
    broker: `mqtt://127.0.0.1:${port}`,
    manifest: async (text) => {
      const file = join(folder.path, "app.yaml");
      await writeFile(file, text);
      return file;
    },
    run,
    apps: () => askAgent(agent.socket, "apps"),
    deploy: (text) =>
      askAgent(agent.socket, "app-deploy", {
        params: { source: "app.yaml", folder: "/", text, dryRun: false },
        timeout: seconds(60),
      }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
});
afterAll(async () => await rig?.[Symbol.asyncDispose]());

/** What a reading becomes on its way through the broker, the component and back. */
async function smooth(value: number): Promise<number> {
  const client = await mqtt.connectAsync(rig.broker, { reconnectPeriod: 0 });
  const answer = new Promise<string>((resolve) => {
    client.on("message", (_topic, payload) => resolve(payload.toString()));
  });
  await client.subscribeAsync("readings.boiler");
  await client.publishAsync("sensors/boiler", JSON.stringify({ sensor: "boiler", seq: 1, value }), { qos: 1 });
  const { smoothed } = JSON.parse(await answer) as { smoothed: number };
  await client.endAsync(true);
  return smoothed;
}

describe("petiole deploy", () => {
  test("--dry-run shows the changes and makes none", async ({ expect }) => {
    const { code, stdout } = await rig.run("deploy", await rig.manifest(example), "--dry-run");
    expect([code, stdout.split("\n").map((line) => line.replace(/:.*/, ""))]).toEqual([
      0,
      [
        "+ provider smoothing-store",
        "+ provider smoothing-broker",
        "+ component smoothing-smoother",
        "+ link smoothing-smoother → smoothing-store",
        "+ link smoothing-smoother → smoothing-broker",
        "+ link smoothing-broker → smoothing-smoother",
        "",
      ],
    ]);
    expect(await rig.apps()).toEqual([]);
  });

  test("runs an application and waits until it does", async ({ expect }) => {
    const { code, stdout, stderr } = await rig.run("deploy", await rig.manifest(example));
    expect([code, stderr]).toEqual([0, expect.anything()]);
    expect(stdout).toMatch(/\nsmoothing 1\.0\.0 is deployed and runs\n$/);
    expect(await smooth(50)).toBe(50);
    const [application] = await rig.apps();
    expect(application).toMatchObject({ name: "smoothing", version: "1.0.0", state: "deployed" });
    expect(application?.items.map(({ id, state }) => [id, state])).toEqual([
      ["smoothing-smoother", "running"],
      ["smoothing-store", "running"],
      ["smoothing-broker", "running"],
    ]);
    expect(application?.links.map(({ state }) => state)).toEqual(["bound", "bound", "bound"]);
    expect((await rig.run("apps")).stdout).toMatch(
      /^APPLICATION +VERSION +STATE +DETAILS\nsmoothing +1\.0\.0 +deployed\n {2}smoother +running +smoothing-smoother, file:/,
    );
  });

  test("changes nothing when it is done again, or written otherwise", async ({ expect }) => {
    const calls = async () => (await rig.agent.status()).components[0]?.calls;
    const before = await calls();
    const { code, stdout } = await rig.run("deploy", await rig.manifest(`# again\n${example}`));
    expect([code, stdout]).toEqual([0, "smoothing 1.0.0 is deployed as it is: nothing changes\n"]);
    expect(await calls()).toBe(before);
  });

  test("is there after a reboot, with what it stored", async ({ expect }) => {
    await rig.agent.stop("SIGKILL");
    await rig.agent.start();
    expect((await rig.apps()).map(({ name, state }) => [name, state])).toEqual([["smoothing", "deployed"]]);
    // The average of before is 50: a new value counts with 0.3.
    expect(await smooth(60)).toBe(53);
  });

  test("replaces the old version by a new one, and refuses other contents under a known version", async ({
    expect,
  }) => {
    const other = example.replace('"0.3"', '"1"');
    const refused = await rig.run("deploy", await rig.manifest(other));
    expect([refused.code, refused.stderr]).toEqual([
      2,
      expect.stringMatching(
        /ERR_MANIFEST_INVALID.*\n.*app\.yaml:\d+:\d+: metadata\.annotations\.version: "1\.0\.0" is deployed with other contents/,
      ),
    ]);
    const next = await rig.manifest(other.replace("version: 1.0.0", "version: 1.1.0"));
    const { code, stdout } = await rig.run("deploy", next);
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(
        /^~ component smoothing-smoother: file:.*1 instance\nsmoothing 1\.1\.0 is deployed and runs\n$/,
      ),
    ]);
    expect(await smooth(70)).toBe(70);
  });

  test("refuses what this device cannot do, each fault with its line, and changes nothing", async ({ expect }) => {
    const wrong = example
      .replace("name: smoothing", "name: other")
      .replace("image: petiole://keyvalue-sqlite", "image: registry.example/kv:1")
      .replace('"listen"', '"listens"');
    const { code, stderr } = await rig.run("deploy", await rig.manifest(wrong));
    expect(code).toBe(2);
    expect(stderr).toMatch(/ERR_MANIFEST_UNSUPPORTED.*found 2 faults/);
    expect(stderr).toMatch(
      /app\.yaml:\d+:\d+: spec\.components\[1\]\.properties\.image: this device has no provider "reg/,
    );
    expect(stderr).toMatch(/app\.yaml:\d+:\d+: spec\.components\[2\]\.properties\.config: broker\.listens?: /);
    const taken = example
      .replace("{ image: petiole://keyvalue-sqlite }", "{ image: petiole://keyvalue-sqlite, id: fixed }")
      .replace("1.0.0", "2.0.0");
    await expect(rig.deploy(taken)).rejects.toMatchObject({
      code: "ERR_MANIFEST_UNSUPPORTED",
      message: expect.stringMatching(/its id is "fixed": the configuration of this device has it/) as string,
    });
    expect((await rig.apps()).map(({ version }) => version)).toEqual(["1.1.0"]);
  });

  test("fails when a component cannot run, and says why; what ran before goes on", async ({ expect }) => {
    const broken = example.replace(/file:.*smoother\.wasm/, `file://${EXAMPLE}`).replace("1.0.0", "1.2.0");
    const { code, stderr } = await rig.run("deploy", await rig.manifest(broken));
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(
        /ERR_APPLICATION_FAILED: "smoothing" is deployed, and cannot run:\nsmoother is failed: ERR_COMP/,
      ),
    ]);
    expect(await smooth(80)).toBeGreaterThan(0);
  });
});

test("an application may link two components of the device", async ({ expect }) => {
  const mirror = (name: string, traits: string): string => `
    - name: ${name}
      type: component
      properties: { image: "file://${fixtureComponent("types")}" }
      traits:
        - { type: daemonscaler, properties: { instances: 1 } }
        ${traits}`;
  const link = "{ target: { name: callee }, namespace: petiole, package: fixture-types, interfaces: [mirror] }";
  await rig.deploy(`
apiVersion: core.oam.dev/v1beta1
kind: Application
metadata: { name: pair, annotations: {} }
spec:
  components:${mirror("caller", `- { type: link, properties: ${link} }`)}${mirror("callee", "")}`);
  await waitFor("the pair to run", async () => {
    const pair = (await rig.apps()).find(({ name }) => name === "pair");
    return pair?.state === "deployed" && pair.links[0]?.state === "bound";
  });
  const undeployed = await askAgent(rig.agent.socket, "app-undeploy", {
    params: { name: "pair", dryRun: false },
    timeout: seconds(60),
  });
  expect(undeployed.changes.map(({ id }) => id)).toEqual(["pair-caller", "pair-callee", "pair-caller → pair-callee"]);
});

test("petiole undeploy stops an application that no other one needs", async ({ expect }) => {
  const head = "apiVersion: core.oam.dev/v1beta1\nkind: Application\n";
  const base = `${head}metadata: { name: base, annotations: { experimental.wasmcloud.dev/shared: "true" } }
spec: { components: [{ name: kv, type: capability, properties: { image: petiole://keyvalue-memory } }] }`;
  const user = `${head}metadata: { name: user, annotations: {} }
spec: { components: [{ name: kv, type: capability, properties: { application: { name: base, component: kv } } }] }`;
  const undeploy = (name: string) =>
    askAgent(rig.agent.socket, "app-undeploy", { params: { name, dryRun: false }, timeout: seconds(60) });
  await expect(rig.deploy(user)).rejects.toThrow(/"base" is not deployed on this device/);
  await rig.deploy(base);
  await rig.deploy(user);
  const needed = await rig.run("undeploy", "base");
  expect([needed.code, needed.stderr]).toEqual([2, expect.stringMatching(/ERR_APPLICATION_CONFLICT.*"user" needs it/)]);
  await undeploy("user");
  await undeploy("base");
  const { code, stdout } = await rig.run("undeploy", "smoothing");
  expect([code, stdout]).toEqual([0, expect.stringMatching(/^- provider .*\n(- .*\n)+smoothing is undeployed\n$/)]);
  expect((await rig.agent.status()).providers.map(({ id }) => id)).toEqual(["fixed"]);
  await expect(undeploy("smoothing")).rejects.toMatchObject({ code: "ERR_APPLICATION_UNKNOWN" });
});
