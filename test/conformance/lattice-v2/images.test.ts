// Contract: a workload's image is fetched with the credentials that came with it, which show up nowhere; and its components
// call each other on the device.

import { componentEmbed, componentNew, parse } from "@bytecodealliance/jco-transpile/wasm-tools";
import { randomUUID } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, test } from "vitest";
import { fixtureComponent, petiole } from "../../support/agent.ts";
import { push } from "../../support/artifacts.ts";
import { tempFolder } from "../../support/processes.ts";
import { startRegistry, testRegistryBinary, type TestRegistry } from "../../support/registry.ts";
import { waitFor } from "../../support/wait-for.ts";
import { BARE, component, ERROR, MESSAGING, RUNNING, startOperatorRig, workload, type OperatorRig } from "./support.ts";

const binary = await testRegistryBinary();
const USER = "device-7";
const PASSWORD = "s3cret: with a colon";
// Of PASSWORD, as htpasswd -B writes it: the registry takes only bcrypt.
const HTPASSWD = "$2y$04$9A7El/etrDU565FcaiDil.s3/f0o5a2DTEGaQtCRRRoRA8AaBDqFe";

let registry: TestRegistry | undefined;
let rig: OperatorRig;
const stack = new AsyncDisposableStack();
beforeAll(async () => {
  const folder = stack.use(await tempFolder());
  const [path, passwordFile] = [join(folder.path, "htpasswd"), join(folder.path, "password")];
  await writeFile(path, `${USER}:${HTPASSWD}\n`);
  await writeFile(passwordFile, PASSWORD);
  if (binary !== undefined) {
    registry = stack.use(await startRegistry({ binary, config: { auth: { htpasswd: { realm: "test", path } } } }));
    const bytes = await readFile(fixtureComponent("bare"));
    await push(`${registry.host}/team/bare:1`, bytes, { insecure: true, user: USER, passwordFile });
  }
  const registries = registry === undefined ? {} : { [registry.host]: { insecure: true } };
  rig = stack.use(await startOperatorRig({ config: { artifacts: { registries } } }));
});
afterAll(() => stack.disposeAsync());

test.skipIf(binary === undefined)(
  "an image is fetched with its own secret, which is shown nowhere",
  async ({ expect }) => {
    const image = `${registry?.host}/team/bare:1`;
    const start = async (imagePullSecret: object | undefined) => {
      const id = randomUUID();
      return await rig.start(workload({ components: [component({ image, imagePullSecret })] }), id);
    };
    // One without content is sent when the secret has nothing for the registry.
    for (const secret of [undefined, {}, { username: USER, password: "gu3ss" }]) {
      const refused = await start(secret);
      expect(refused).toMatchObject({
        workloadState: ERROR,
        message: expect.stringMatching(/^ERR_ARTIFACT_UNAUTHORIZED/) as string,
      });
      await rig.stop(refused.workloadId);
    }
    const started = await start({ username: USER, password: PASSWORD });
    expect(started).toMatchObject({ workloadState: RUNNING });
    const shown = await petiole("status", "--socket", rig.agent.socket);
    expect(shown.stdout).toMatch(/default\/hello-597cb4ddcb-69f68d8984 +running/);
    const texts = [shown.stdout, JSON.stringify(await rig.agent.status()), rig.agent.output()].join("\n");
    for (const secret of [PASSWORD, "gu3ss"]) expect(texts).not.toContain(secret);
    await rig.stop(started.workloadId);
  },
);

/** Takes every message that is published, in the place of the host. */
async function sink(): Promise<Uint8Array> {
  const binary = await parse(`(module
    (memory (export "memory") 1)
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (func (export "wasmcloud:messaging/consumer@0.2.0#publish") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
      (i32.const 64)))`);
  const witSource = `package test:sink;
    world sink { export wasmcloud:messaging/consumer@0.2.0; }
    package wasmcloud:messaging@0.2.0 {
      interface types { record broker-message { subject: string, body: list<u8>, reply-to: option<string> } }
      interface consumer { use types.{broker-message}; publish: func(msg: broker-message) -> result<_, string>; }
    }`;
  return await componentNew(await componentEmbed({ binary, witSource }));
}

test("components of a workload call each other, before the host is asked", async ({ expect }) => {
  await rig.putBytes("sink.wasm", await sink());
  const id = randomUUID();
  const components = [
    component({ name: "front", image: BARE, localResources: { config: { subscriptions: "p.>" } } }),
    component({ name: "sink", image: "nats-object://components/sink.wasm" }),
  ];
  const outside: string[] = [];
  rig.client.subscribe("p.>", { callback: (_error, message) => void outside.push(message.subject) });
  expect(await rig.start(workload({ components, hostInterfaces: [MESSAGING] }), id)).toMatchObject({
    workloadState: RUNNING,
  });
  rig.client.publish("p.one", "x");
  const calls = async (name: string): Promise<number> =>
    (await rig.agent.status()).components.find((one) => one.id.includes(`-${name}-`))?.calls ?? 0;
  await waitFor("the call", async () => (await calls("sink")) === 1);
  expect([await calls("front"), outside]).toEqual([1, ["p.one"]]);

  // Two that export it: nobody says which one is meant, and the host has it too.
  const third = component({ name: "other", image: "nats-object://components/sink.wasm" });
  await rig.stop(id);
  const both = await rig.start(workload({ components: [...components, third] }));
  expect(both.workloadState).toBe(RUNNING);
  await rig.stop(both.workloadId);
  const unclear = await rig.start(workload({ components: [...components, third], hostInterfaces: [] }));
  expect(unclear).toMatchObject({
    workloadState: ERROR,
    message: expect.stringMatching(
      /"front" imports wasmcloud:messaging\/consumer@0\.2\.0, which more than one/,
    ) as string,
  });
});

test("the folder of a volume is there while the workload is, over a restart too", async ({ expect }) => {
  const id = randomUUID();
  const mounted = component({ localResources: { volumeMounts: [{ name: "scratch", mountPath: "/data" }] } });
  const request = workload({ components: [mounted], rest: { volumes: [{ name: "scratch", emptyDir: {} }] } });
  expect(await rig.start(request, id)).toMatchObject({ workloadState: RUNNING });
  const volumes = join(rig.agent.stateDir, "volumes");
  const [own = ""] = await readdir(volumes);
  await writeFile(join(volumes, own, "0", "kept"), "x");
  await rig.agent.stop("SIGKILL");
  await rig.agent.start();
  await waitFor("the host to answer", () => rig.heartbeat());
  await rig.reach(id, RUNNING);
  expect(await readdir(join(volumes, own, "0"))).toEqual(["kept"]);
  await rig.stop(id);
  expect(await readdir(volumes)).toEqual([]);
});
