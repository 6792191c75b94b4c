// Contract: what was deployed to the device itself is seen and linked by its lattice, and not changed by it. Its manifest may use
// the lattice's named configurations and the host's labels; when these change, it follows.

import { afterAll, beforeAll, test } from "vitest";
import { askAgent } from "../../../src/adapters/control/client.ts";
import { seconds } from "../../../src/domain/units.ts";
import { waitFor } from "../../support/wait-for.ts";
import { link, scaleCommand, SMOOTHER, startLatticeRig, startProviderCommand, type LatticeRig } from "./support.ts";

let rig: LatticeRig;
beforeAll(async () => {
  rig = await startLatticeRig();
});
afterAll(async () => await rig?.[Symbol.asyncDispose]());

const MANIFEST = `
apiVersion: core.oam.dev/v1beta1
kind: Application
metadata: { name: thermo, annotations: { version: 1.0.0 } }
spec:
  components:
    - name: smooth
      type: component
      properties: { image: "${SMOOTHER}", config: [{ name: site }] }
      traits:
        - { type: daemonscaler, properties: { instances: 2, spread: [{ name: hot, requirements: { zone: hot } }] } }
    - { name: store, type: capability, properties: { image: petiole://keyvalue-memory } }
`;
const deploy = async (text: string) =>
  await askAgent(rig.agent.socket, "app-deploy", {
    params: { source: "app.yaml", folder: "/", text, dryRun: false },
    timeout: seconds(60),
  });
const states = async () => {
  const [application] = await askAgent(rig.agent.socket, "apps");
  return application?.items.map(({ id, state }) => `${id} ${state}`);
};
const becomes = (...wanted: readonly string[]) =>
  waitFor(wanted.join(", "), async () => JSON.stringify(await states()) === JSON.stringify(wanted));

test("an application follows the labels and named configurations of the lattice", async ({ expect }) => {
  // The device may only say so where it would run it.
  await deploy(MANIFEST);
  await becomes("thermo-smooth elsewhere", "thermo-store running");
  await expect(
    deploy(MANIFEST.replace("1.0.0", "1.1.0").replace("zone: hot", "hostcore.os: linux")),
  ).rejects.toMatchObject({
    code: "ERR_MANIFEST_UNSUPPORTED",
    message: expect.stringMatching(/app\.yaml:9:\d+: .*there is no configuration "site" on this device/) as string,
  });
  expect((await rig.ask("config.put.site", { factor: "0.5" })).success).toBe(true);
  expect((await rig.ask("label.put.{h}", { key: "zone", value: "hot" })).success).toBe(true);
  await becomes("thermo-smooth running", "thermo-store running");
  const started = () => rig.agent.output().split('"Component started"').length;
  const before = started();
  expect((await rig.ask("config.put.site", { factor: "0.9" })).success).toBe(true);
  await waitFor("the component to have the new configuration", () => started() > before);
  await becomes("thermo-smooth running", "thermo-store running");
  expect((await rig.ask("label.del.{h}", { key: "zone" })).success).toBe(true);
  await becomes("thermo-smooth elsewhere", "thermo-store running");
  expect((await rig.ask("label.put.{h}", { key: "zone", value: "hot" })).success).toBe(true);
  await becomes("thermo-smooth running", "thermo-store running");
});

test("the lattice sees and links what an application runs, and cannot change it", async ({ expect }) => {
  const annotations = { "wasmcloud.dev/managed-by": "petiole", "wasmcloud.dev/appspec": "thermo" };
  const { components, providers } = await rig.inventory();
  expect(components).toEqual([
    expect.objectContaining({ id: "thermo-smooth", image_ref: SMOOTHER, max_instances: 2, annotations }),
  ]);
  expect(providers).toEqual([
    expect.objectContaining({ id: "thermo-store", image_ref: "petiole://keyvalue-memory", annotations }),
  ]);
  expect(
    await rig.ask("component.scale.{h}", scaleCommand(rig, { component_id: "thermo-smooth", count: 0 })),
  ).toMatchObject({
    success: false,
    message: expect.stringMatching(/belongs to the configuration of this device/) as string,
  });
  expect((await rig.ask("link.put", link({ source_id: "thermo-smooth", target: "thermo-store" }))).success).toBe(true);
  await waitFor("the link", async () =>
    (await rig.agent.status()).links.some(({ target }) => target === "thermo-store"),
  );
});

test("an application does not take what the lattice has", async ({ expect }) => {
  const started = rig.next("provider_started");
  await rig.ask("provider.start.{h}", startProviderCommand(rig, { provider_id: "other-kv" }));
  await started;
  const text = `
apiVersion: core.oam.dev/v1beta1
kind: Application
metadata: { name: other, annotations: {} }
spec: { components: [{ name: kv, type: capability, properties: { image: petiole://keyvalue-memory } }] }`;
  await expect(deploy(text)).rejects.toMatchObject({
    code: "ERR_MANIFEST_UNSUPPORTED",
    message: expect.stringMatching(/its id is "other-kv": the lattice has one of it on this device/) as string,
  });
});
