// Contract: providers of wasmCloud 1.x, programs of their own, are started, linked, configured and stopped as on any other host.
// The program of test/fixtures/providers speaks their protocol by its own means.

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Objm } from "@nats-io/obj";
import { afterAll, beforeAll, describe, test } from "vitest";
import { identify } from "../../../src/adapters/lattice/executable/process-identity.ts";
import { exampleComponent, petiole, startAgent } from "../../support/agent.ts";
import { freePort } from "../../support/ports.ts";
import { tempFolder, type TempFolder } from "../../support/processes.ts";
import { startNats } from "../../support/nats.ts";
import { createOperator } from "../../support/operator.ts";
import { hashOf, providerArchive, providerScript, thisTarget } from "../../support/provider-files.ts";
import { waitFor } from "../../support/wait-for.ts";
import { link, scaleCommand, startLatticeRig, startProviderCommand, type Json, type LatticeRig } from "./support.ts";

let folder: TempFolder;
let rig: LatticeRig;
const file = (name: string): string => `file://${join(folder.path, name)}`;

beforeAll(async () => {
  folder = await tempFolder();
  await mkdir(join(folder.path, "deep"));
  await writeFile(join(folder.path, "store.par.gz"), providerArchive());
  await writeFile(join(folder.path, "store"), providerScript());
  await writeFile(join(folder.path, "other.par.gz"), providerArchive({ "riscv64-linux": providerScript() }));
  await writeFile(join(folder.path, "broken.par.gz"), providerArchive().subarray(0, 300));
  rig = await startLatticeRig({
    lattice: { executables: { from_outside: true, folder: folder.path, stop_delay: "2s" } },
  });
});
afterAll(async () => {
  await rig?.[Symbol.asyncDispose]();
  await folder?.[Symbol.asyncDispose]();
});

const statusOf = async (id: string) => (await rig.agent.status()).providers.find((one) => one.id === id);
const healthy = (id: string) =>
  waitFor(`"${id}" to be well`, async () => {
    const status = await statusOf(id);
    return status?.report?.healthy === true && status;
  });
/** What the program wrote, by way of the agent's log. */
const said = (what: string | RegExp): Promise<string> =>
  waitFor(`the provider to say ${String(what)}`, () =>
    rig.agent
      .output()
      .split("\n")
      .filter((line) => line.includes("Provider says"))
      .map((line) => String((JSON.parse(line) as Json)["text"]))
      .find((text) => (typeof what === "string" ? text.startsWith(what) : what.test(text))),
  );

async function start(more: Json): Promise<Json> {
  const started = rig.next("provider_started");
  expectSuccess(await rig.ask("provider.start.{h}", startProviderCommand(rig, more)));
  return (await started).data;
}

async function stop(id: string): Promise<void> {
  const stopped = rig.next("provider_stopped");
  expectSuccess(await rig.ask("provider.stop.{h}", { host_id: rig.host, provider_id: id }));
  await stopped;
}

function expectSuccess(reply: { readonly success: boolean; readonly message: string }): void {
  if (!reply.success) throw new Error(reply.message);
}

describe("a provider in an archive", () => {
  test("serves a component, calls it, hears of configurations and links, and is stopped", async ({ expect }) => {
    const reference = file("store.par.gz");
    expect(
      await rig.collect("provider.auction", { provider_ref: reference, provider_id: "store", constraints: {} }),
    ).toHaveLength(1);
    for (const [name, map] of [
      ["of-store", { size: "5" }],
      ["of-link", { bucket: "b" }],
    ] as const) {
      expectSuccess(await rig.ask(`config.put.${name}`, map));
    }
    const passed = rig.next("health_check_passed");
    const started = await start({ provider_ref: reference, config: ["of-store"], annotations: { of: "test" } });
    expect(started).toMatchObject({ provider_id: "store", image_ref: reference, annotations: { of: "test" } });
    const { report } = await healthy("store");
    expect((await passed).data).toMatchObject({ provider_id: "store" });
    const told = JSON.parse((await said("host data")).slice("host data ".length)) as Json;
    expect(told).toMatchObject({ host: rig.host, config: { size: "5" }, links: [], arguments: [] });
    expect((await rig.inventory()).providers).toContainEqual({
      id: "store",
      image_ref: reference,
      name: "Test provider",
      revision: 4,
      annotations: { of: "test" },
    });
    expect((await petiole("status", "--socket", rig.agent.socket)).stdout).toMatch(
      new RegExp(`store +executable +running\\n  store: Test provider, process ${report?.pid}, 0 restarts, sha256:`),
    );

    // A component that keeps what it computes in the provider's buckets, and publishes through it.
    const scaled = rig.next("component_scaled");
    expectSuccess(await rig.ask("component.scale.{h}", scaleCommand(rig, { config: [] })));
    await scaled;
    const ends = [
      link({ target_config: ["of-link"] }),
      link({ wit_namespace: "wasmcloud", wit_package: "messaging", interfaces: ["consumer"] }),
      link({
        source_id: "store",
        target: "smooth",
        wit_namespace: "wasmcloud",
        wit_package: "messaging",
        interfaces: ["handler"],
      }),
    ];
    for (const one of ends) expectSuccess(await rig.ask("link.put", one));
    expect(await said(/^link put .*"keyvalue"/)).toContain('"target_config":{"bucket":"b"}');
    await said(/^link put .*"source_id":"store"/);
    const readings: string[] = [];
    rig.client.subscribe("default.from-component.>", {
      callback: (_error, message) => void readings.push(message.string()),
    });
    await rig.client.flush();
    for (const [seq, value] of [10, 20].entries()) {
      rig.client.publish("default.to-provider.store", JSON.stringify({ sensor: "boiler", seq, value }));
      await waitFor("the reading", () => readings.length > seq);
    }
    // The second is smoothed with the first, which was in the bucket.
    expect(readings.map((reading) => (JSON.parse(reading) as Json)["smoothed"])).toEqual([10, expect.any(Number)]);
    expect(readings[1]).not.toContain('"smoothed":20');
    expect(await said(/^delivered/)).toBe('delivered {"target":"smooth","result":"00"}');
    expect(await said("published")).toContain('"source":"smooth"');

    expectSuccess(await rig.ask("config.put.of-store", { size: "6" }));
    expect(await said("config")).toBe('config {"size":"6"}');
    expectSuccess(await rig.ask("config.put.of-link", { bucket: "c" }));
    expect(await said(/^link put .*"bucket":"c"/)).toContain('"source_id":"smooth"');
    expectSuccess(
      await rig.ask("link.del", {
        source_id: "smooth",
        name: "default",
        wit_namespace: "wasi",
        wit_package: "keyvalue",
      }),
    );
    await waitFor("the link to go", async () =>
      rig.agent.output().includes('link del \\"smooth store default wasi keyvalue\\"'),
    );
    expect((await healthy("store")).report?.pid).toBe(report?.pid);

    await stop("store");
    expect(await said("shutting down")).toBeDefined();
    expect(await identify(report?.pid ?? 0)).toBeUndefined();
    expect((await rig.inventory()).providers).toEqual([]);
  });

  test("is started again when it is killed, with the links that it had", async ({ expect }) => {
    await start({ provider_ref: file("store"), provider_id: "again" });
    const { report } = await healthy("again");
    expectSuccess(await rig.ask("link.put", link({ target: "again", name: "more" })));
    process.kill(report?.pid ?? 0, "SIGKILL");
    const next = await waitFor("another process", async () => {
      const status = await statusOf("again");
      return status?.report?.restarts === 1 && status.report.healthy === true && status.report;
    });
    expect(next.pid).not.toBe(report?.pid);
    const told = rig.agent
      .output()
      .split("\n")
      .filter((line) => line.includes("host data "))
      .at(-1);
    expect(told).toContain('\\"name\\":\\"more\\"');
    await stop("again");
  });

  test("goes on over a kill of the agent, as another process", async ({ expect }) => {
    await start({ provider_ref: file("store"), provider_id: "lasting" });
    const { report } = await healthy("lasting");
    await rig.agent.stop("SIGKILL");
    await waitFor("the process to be gone", async () => (await identify(report?.pid ?? 0)) === undefined);
    await rig.agent.start();
    const { report: after } = await healthy("lasting");
    expect(after?.pid).not.toBe(report?.pid);
    await stop("lasting");
  });

  test("is fetched first when it is an image", async ({ expect }) => {
    const store = await new Objm(rig.client).create("providers");
    await store.putBlob({ name: "kv/store.par.gz" }, providerArchive());
    const reference = "nats-object://providers/kv/store.par.gz";
    expect(await start({ provider_ref: reference, provider_id: "fetched" })).toMatchObject({ image_ref: reference });
    const { image } = await healthy("fetched");
    expect(image).toMatchObject({ reference, digest: expect.stringMatching(/^sha256:/) });
    await stop("fetched");
    const failed = rig.next("provider_start_failed");
    const missing = startProviderCommand(rig, { provider_ref: `${reference}.gone`, provider_id: "fetched" });
    expectSuccess(await rig.ask("provider.start.{h}", missing));
    expect((await failed).data["error"]).toMatch(/Cannot find the object "kv\/store\.par\.gz\.gone"/);
    await stop("fetched");
  });

  test.for([
    ["another machine's archive", "other.par.gz", new RegExp(`binaries for riscv64-linux, want ${thisTarget}`)],
    ["a damaged archive", "broken.par.gz", /Cannot unpack/],
    ["a file that is not there", "missing.par.gz", /there is no such file/],
    ["something else", "deep", /not a regular file/],
  ] as const)("is refused when it is %s", async ([, name, reason], { expect }) => {
    const failed = rig.next("provider_start_failed");
    expectSuccess(
      await rig.ask("provider.start.{h}", startProviderCommand(rig, { provider_ref: file(name), provider_id: "bad" })),
    );
    expect((await failed).data["error"]).toMatch(reason);
    expect(await statusOf("bad")).toBeUndefined();
  });
});

test("nothing is run for a lattice unless the configuration says so, but what the file names", async ({ expect }) => {
  await using closed = await startLatticeRig({
    lattice: { executables: { folder: folder.path } },
    config: {
      providers: { own: { type: "executable", config: { file: join(folder.path, "store"), config: { size: 5 } } } },
      components: { smooth: { file: exampleComponent("smoother") } },
      links: [
        {
          from: "smooth",
          to: "own",
          interfaces: ["wasi:keyvalue/store", "wasi:keyvalue/atomics"],
          config: { bucket: "b" },
        },
        { from: "smooth", to: "own", interfaces: ["wasmcloud:messaging/consumer"] },
        { from: "own", to: "smooth", interfaces: ["wasmcloud:messaging/handler"] },
      ],
    },
  });
  const reference = file("store");
  const auction = { provider_ref: reference, provider_id: "store", constraints: {} };
  expect(await closed.collect("provider.auction", auction)).toEqual([]);
  const failed = closed.next("provider_start_failed");
  await closed.ask("provider.start.{h}", startProviderCommand(closed, { provider_ref: reference }));
  expect((await failed).data["error"]).toMatch(
    /unless its configuration says lattice\.executables\.from_outside: true/,
  );

  await waitFor("the device's own provider", async () =>
    (await closed.agent.status()).providers.some(({ id, report }) => id === "own" && report?.healthy === true),
  );
  expect((await closed.inventory()).providers).toMatchObject([
    { id: "own", image_ref: `file://${join(folder.path, "store")}` },
  ]);
  const readings: string[] = [];
  closed.client.subscribe("default.from-component.>", {
    callback: (_error, message) => void readings.push(message.subject),
  });
  await closed.client.flush();
  closed.client.publish("default.to-provider.own", JSON.stringify({ sensor: "boiler", seq: 1, value: 1 }));
  await waitFor("a reading", () => readings.length > 0);
  const text = closed.agent.output();
  expect(text).toContain('\\"target_config\\":{\\"bucket\\":\\"b\\"}');
  expect(text).toContain('\\"config\\":{\\"size\\":\\"5\\"}');
});

test("in leaf mode a provider and a component talk to each other without the hub", async ({ expect }) => {
  const port = await freePort();
  await using agent = await startAgent({
    hub: { urls: [`nats-leaf://127.0.0.1:${await freePort()}`], domain: "hub" },
    leaf: { listen: `127.0.0.1:${port}`, monitor: `127.0.0.1:${await freePort()}` },
    lattice: { name: "default" },
    components: { smooth: { file: exampleComponent("smoother") } },
    providers: {
      own: {
        type: "executable",
        config: {
          file: join(folder.path, "store"),
          config: { deliver: JSON.stringify({ sensor: "boiler", seq: 1, value: 1 }) },
        },
      },
    },
    links: [
      { from: "smooth", to: "own", interfaces: ["wasi:keyvalue/store", "wasi:keyvalue/atomics"] },
      { from: "smooth", to: "own", interfaces: ["wasmcloud:messaging/consumer"] },
      { from: "own", to: "smooth", interfaces: ["wasmcloud:messaging/handler"] },
    ],
  });
  await waitFor("a reading", () => agent.output().includes('published {\\"subject\\":\\"readings.boiler')).catch(
    (cause: unknown) => {
      throw new Error(`${String(cause)}\n${agent.output().slice(-6000)}`, { cause });
    },
  );
  expect((await agent.status()).hub.link).toBe("offline");
});

test("a program runs only when the trust policy has it, and logs in with credentials of its own", async ({
  expect,
}) => {
  await using secrets = await tempFolder();
  const operator = createOperator();
  await using hub = await startNats({ jetstream: true, config: operator.config });
  const [device, processes] = ["device", "processes"].map((name) => operator.credentials({ name }));
  await writeFile(join(secrets.path, "device.creds"), device ?? "");
  await writeFile(join(secrets.path, "processes.creds"), processes ?? "");
  const provider = (name: string): Json => ({ type: "executable", config: { file: join(folder.path, name) } });
  await using agent = await startAgent({
    hub: { mode: "direct", urls: [hub.url], credentials_file: join(secrets.path, "device.creds") },
    lattice: { executables: { credentials_file: join(secrets.path, "processes.creds") } },
    trust: { mode: "enforce", digests: [`sha256:${hashOf(providerScript()).toLowerCase()}`] },
    providers: { good: provider("store"), bad: provider("store.par.gz") },
  });
  const { good, bad } = await waitFor("both to be settled", async () => {
    const { providers } = await agent.status();
    const [one, other] = ["good", "bad"].map((id) => providers.find((status) => status.id === id));
    return one?.report?.healthy === true && other?.state === "failed" && { good: one, bad: other };
  });
  expect(good.report?.trust).toEqual({ trusted: true, signers: [] });
  expect(bad.lastError?.code).toBe("ERR_TRUST_UNSIGNED");
  const connections = await (await fetch(`http://127.0.0.1:${hub.monitorPort}/connz?auth=1`)).text();
  expect(connections).toContain(processes?.split("\n")[1]);
});
