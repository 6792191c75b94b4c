// Contract: wash and wadm start, scale, update and stop components and petiole's providers on this device, and link and
// configure them; each command has the events that they wait for. Commands that are sent again restart nothing.

import { copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import type { ComponentStatus, UpdateReport } from "../../../src/domain/status.ts";
import { exampleComponent, petiole } from "../../support/agent.ts";
import { tempFolder, type TempFolder } from "../../support/processes.ts";
import { versionComponent } from "../../support/version-components.ts";
import { waitFor } from "../../support/wait-for.ts";
import {
  BUTTON_LAMP,
  link,
  scaleCommand,
  SMOOTHER,
  startLatticeRig,
  startProviderCommand,
  type Json,
  type LatticeRig,
} from "./support.ts";

const ANNOTATIONS = {
  "wasmcloud.dev/managed-by": "wadm",
  "wasmcloud.dev/appspec": "thermo",
  "wasmcloud.dev/scaler": "a1",
};

let rig: LatticeRig;
beforeAll(async () => {
  rig = await startLatticeRig({
    lattice: { labels: { zone: "edge" } },
    config: { providers: { own: { type: "keyvalue-memory" } } },
  });
});
afterAll(async () => await rig?.[Symbol.asyncDispose]());

const component = async (id: string): Promise<ComponentStatus | undefined> =>
  (await rig.agent.status()).components.find((one) => one.id === id);
const starts = (id: string): number =>
  rig.agent
    .output()
    .split("\n")
    .filter((line) => line.includes('"msg":"Component started"') && line.includes(`"component":"${id}"`)).length;
const of = (id: string) => (data: Json) => data["component_id"] === id;

/** Scales and resolves with the event that follows. */
async function scale(more: Json, event = "component_scaled"): Promise<Json> {
  const told = rig.next(event, of((more["component_id"] as string | undefined) ?? "smooth"));
  const reply = await rig.ask("component.scale.{h}", scaleCommand(rig, more));
  if (!reply.success) throw new Error(reply.message);
  return (await told).data;
}

describe("component.auction", () => {
  const auction = (more: Json) =>
    rig.collect("component.auction", {
      component_ref: SMOOTHER,
      component_id: "auctioned",
      constraints: { zone: "edge", "hostcore.os": "linux" },
      ...more,
    });

  test("is answered when the labels fit", async ({ expect }) => {
    expect(await auction({})).toEqual([
      {
        success: true,
        message: "",
        response: {
          component_ref: SMOOTHER,
          component_id: "auctioned",
          host_id: rig.host,
          constraints: { zone: "edge", "hostcore.os": "linux" },
        },
      },
    ]);
  });

  test("is not answered when they do not, when the id is taken, and when the component cannot be had", async ({
    expect,
  }) => {
    const answers = await Promise.all([
      auction({ constraints: { zone: "cloud" } }),
      auction({ constraints: { nolabel: "" } }),
      auction({ component_id: "own" }),
      auction({ component_ref: "file:///etc/passwd" }),
      auction({ component_ref: `${SMOOTHER}/../../../../../etc/passwd` }),
    ]);
    expect(answers.flat()).toEqual([]);
  });
});

describe("component.scale", () => {
  test("starts a component, before it has links", async ({ expect }) => {
    const command = { annotations: ANNOTATIONS, count: 2 };
    expect(await scale(command)).toEqual({
      annotations: ANNOTATIONS,
      component_id: "smooth",
      host_id: rig.host,
      image_ref: SMOOTHER,
      max_instances: 2,
    });
    expect((await rig.inventory()).components).toEqual([
      { id: "smooth", image_ref: SMOOTHER, annotations: ANNOTATIONS, revision: 0, max_instances: 2 },
    ]);
    expect((await component("smooth"))?.state).toBe("running");
  });

  test("again restarts nothing, and is told again with what was stored", async ({ expect }) => {
    const before = starts("smooth");
    for (let i = 0; i < 3; i++) {
      const data = await scale({ annotations: { other: "one" }, count: 2 });
      expect(data).toMatchObject({ annotations: ANNOTATIONS, max_instances: 2 });
    }
    expect(starts("smooth")).toBe(before);
  });

  test("fills in its own id when the request names no host, and echoes one that is named", async ({ expect }) => {
    expect((await scale({ host_id: "", count: 2 }))["host_id"]).toBe(rig.host);
    expect((await scale({ host_id: "NECHO", count: 2 }))["host_id"]).toBe("NECHO");
  });

  test("to another number changes it", async ({ expect }) => {
    expect(await scale({ count: 5, annotations: ANNOTATIONS })).toMatchObject({ max_instances: 5 });
    expect((await rig.inventory()).components[0]?.["max_instances"]).toBe(5);
  });

  test("with another reference warns and keeps the one that runs", async ({ expect }) => {
    const told = rig.next("component_scaled", of("smooth"));
    const reply = await rig.ask("component.scale.{h}", scaleCommand(rig, { component_ref: BUTTON_LAMP, count: 5 }));
    expect(reply).toEqual({
      success: true,
      message: expect.stringMatching(/^Requested to scale existing component to a different image reference: /),
    });
    expect((await told).data["image_ref"]).toBe(SMOOTHER);
  });

  test("with another reference and allow_update replaces it, told once with the new reference", async ({ expect }) => {
    await scale({ component_id: "renewed" });
    const before = rig.events("component_scaled").filter(({ data }) => of("renewed")(data)).length;
    const told = rig.next("component_scaled", of("renewed"));
    const reply = await rig.ask(
      "component.scale.{h}",
      scaleCommand(rig, { component_id: "renewed", component_ref: BUTTON_LAMP, allow_update: true }),
    );
    expect(reply.message).toMatch(/^Requested to scale existing component, with a changed image reference: /);
    expect((await told).data).toMatchObject({ image_ref: BUTTON_LAMP, max_instances: 1 });
    expect(rig.events("component_scaled").filter(({ data }) => of("renewed")(data))).toHaveLength(before + 1);
    await scale({ component_id: "renewed", count: 0 });
  });

  test("to 0 stops it, with the stored reference and annotations; once more is fine", async ({ expect }) => {
    expect(await scale({ count: 0, component_ref: "", annotations: null })).toEqual({
      annotations: ANNOTATIONS,
      component_id: "smooth",
      host_id: rig.host,
      image_ref: SMOOTHER,
      max_instances: 0,
    });
    expect((await rig.inventory()).components).toEqual([]);
    expect(await component("smooth")).toBeUndefined();
    // What is not there is told with what was asked for: wash compares the reference.
    expect(await scale({ count: 0, component_ref: "x", annotations: { a: "b" } })).toEqual({
      annotations: { a: "b" },
      component_id: "smooth",
      host_id: rig.host,
      image_ref: "x",
      max_instances: 0,
    });
  });

  test("that cannot work is told with the reason, and leaves nothing behind", async ({ expect }) => {
    const wrong = [
      [{ component_ref: "file:///etc/passwd" }, /Cannot load "file:\/\/\/etc\/passwd": want a file below/],
      [{ component_ref: "Registry.example.test/A b:1" }, /Cannot load "Registry.example.test\/A b:1"/],
      [{ component_ref: SMOOTHER.replace("smoother.wasm", "none.wasm") }, /none\.wasm/],
      [{ component_ref: SMOOTHER.replace("smoother.wasm", "smoother.wasm.inputs") }, /smoother\.wasm\.inputs/],
      [{ config: ["nowhere"] }, /Config nowhere does not exist/],
      [{ config: ["SECRET_token"] }, /Config SECRET_token does not exist/],
    ] as const;
    for (const [more, reason] of wrong) {
      const data = await scale({ component_id: "wrong", annotations: ANNOTATIONS, ...more }, "component_scale_failed");
      expect(data).toMatchObject({ annotations: ANNOTATIONS, host_id: rig.host, max_instances: 1 });
      expect(data["error"]).toMatch(reason);
      expect(data["image_ref"]).toBe("component_ref" in more ? more.component_ref : SMOOTHER);
    }
    expect(await component("wrong")).toBeUndefined();
    expect((await rig.agent.status()).lattice?.components).not.toContain("wrong");
  });

  test("is refused for ids of the device's own configuration and ids that are none", async ({ expect }) => {
    for (const id of ["own", "a.b", "", "x".repeat(65)]) {
      const reply = await rig.ask("component.scale.{h}", scaleCommand(rig, { component_id: id }));
      expect(reply.success).toBe(false);
    }
    expect((await rig.ask("component.scale.{h}", { count: 1 })).message).toBe(
      "failed to deserialize component scale command",
    );
  });
});

describe("component.update", () => {
  let folder: TempFolder;
  let updating: LatticeRig;
  beforeAll(async () => {
    folder = await tempFolder();
    await copyFile(exampleComponent("smoother"), join(folder.path, "one.wasm"));
    await copyFile(exampleComponent("smoother"), join(folder.path, "two.wasm"));
    updating = await startLatticeRig({ lattice: { components_folder: folder.path } });
  });
  afterAll(async () => {
    await updating?.[Symbol.asyncDispose]();
    await folder?.[Symbol.asyncDispose]();
  });

  const ask = (more: Json) =>
    updating.ask("component.update.{h}", {
      component_id: "smooth",
      annotations: null,
      host_id: updating.host,
      ...more,
    });

  test("replaces the component, told once with the new reference", async ({ expect }) => {
    expect(await ask({ new_component_ref: "file://one.wasm" })).toEqual({
      success: false,
      message: "component smooth not found",
    });
    const first = updating.next("component_scaled");
    await updating.ask("component.scale.{h}", scaleCommand(updating, { component_ref: "file://one.wasm", count: 3 }));
    await first;
    expect((await ask({ new_component_ref: "file://one.wasm" })).message).toBe(
      "component smooth already updated to file://one.wasm",
    );
    const second = updating.next("component_scaled");
    expect(await ask({ new_component_ref: "file://two.wasm", annotations: { a: "b" } })).toEqual({
      success: true,
      message: "component smooth updating from file://one.wasm to file://two.wasm",
    });
    expect((await second).data).toMatchObject({
      image_ref: "file://two.wasm",
      max_instances: 3,
      annotations: { a: "b" },
    });
    expect(updating.events("component_scaled")).toHaveLength(2);
  });

  test("that fails leaves the component of before", async ({ expect }) => {
    const failed = updating.next("component_scale_failed");
    await ask({ new_component_ref: "file://three.wasm" });
    expect((await failed).data).toMatchObject({
      image_ref: "file://three.wasm",
      component_id: "smooth",
      error: expect.stringContaining("three.wasm"),
    });
    expect((await updating.inventory()).components[0]?.["image_ref"]).toBe("file://two.wasm");
    expect((await ask({ new_component_ref: "file://../x.wasm" })).success).toBe(true);
    expect((await updating.inventory()).components[0]?.["image_ref"]).toBe("file://two.wasm");
  });

  test("that goes back in its trial is told as what it is: the one of before runs, the new one failed", async ({
    expect,
  }) => {
    await writeFile(join(folder.path, "four.wasm"), await versionComponent(4));
    const on = (args: readonly string[]) => petiole("update", ...args, "--json", "--socket", updating.agent.socket);
    const switched = updating.next("component_scaled");
    await ask({ new_component_ref: "file://four.wasm", annotations: { a: "c" } });
    expect((await switched).data).toMatchObject({ image_ref: "file://four.wasm", annotations: { a: "c" } });
    expect((await updating.inventory()).components[0]).toMatchObject({ image_ref: "file://four.wasm" });

    const dry = JSON.parse((await on(["rollback", "smooth", "--dry-run"])).stdout) as Json;
    expect(dry).toMatchObject({ dryRun: true, report: { update: { state: "trial" } } });
    const [before, failed] = [updating.next("component_scaled"), updating.next("component_scale_failed")];
    expect(await on(["rollback", "smooth"])).toMatchObject({ code: 0 });
    expect((await before).data).toMatchObject({ image_ref: "file://two.wasm", annotations: { a: "b" } });
    expect((await failed).data).toMatchObject({
      image_ref: "file://four.wasm",
      annotations: { a: "c" },
      error: expect.stringContaining("somebody asked for the version before"),
    });
    expect((await updating.inventory()).components[0]).toMatchObject({
      image_ref: "file://two.wasm",
      annotations: { a: "b" },
    });

    // Again, and it is not even started.
    const refused = updating.next("component_scale_failed");
    await ask({ new_component_ref: "file://four.wasm" });
    expect((await refused).data["error"]).toContain("somebody asked for the version before");
    expect((await updating.inventory()).components[0]?.["image_ref"]).toBe("file://two.wasm");
    const [report] = JSON.parse((await on(["status"])).stdout) as UpdateReport[];
    expect(report?.bad).toMatchObject([{ code: "ERR_UPDATE_FAILED" }]);
    expect(await on(["accept", "smooth"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("ERR_UPDATE_UNKNOWN"),
    });
    expect(await on(["forgive", "smooth"])).toMatchObject({ code: 0 });
    const again = updating.next("component_scaled");
    await ask({ new_component_ref: "file://four.wasm" });
    expect((await again).data["image_ref"]).toBe("file://four.wasm");
  });
});

describe("providers", () => {
  test("an auction is answered for petiole's own types only", async ({ expect }) => {
    const auction = (more: Json) =>
      rig.collect("provider.auction", {
        provider_ref: "petiole://keyvalue-memory",
        provider_id: "default",
        constraints: {},
        ...more,
      });
    expect(await auction({})).toEqual([
      {
        success: true,
        message: "",
        response: {
          host_id: rig.host,
          provider_ref: "petiole://keyvalue-memory",
          provider_id: "default",
          constraints: {},
        },
      },
    ]);
    const others = await Promise.all([
      auction({ provider_ref: "registry.example.test/providers/http:0.9.0" }),
      auction({ provider_ref: "petiole://nosuch" }),
      auction({ provider_id: "own" }),
      auction({ constraints: { zone: "cloud" } }),
    ]);
    expect(others.flat()).toEqual([]);
  });

  test("start with a named configuration, and are told when they run", async ({ expect }) => {
    expect((await rig.ask("config.put.small", { capacity: "1MiB" })).success).toBe(true);
    const told = rig.next("provider_started");
    const command = startProviderCommand(rig, { config: ["small"], annotations: ANNOTATIONS });
    expect(await rig.ask("provider.start.{h}", command)).toEqual({
      success: true,
      message: "successfully started provider",
    });
    expect((await told).data).toEqual({
      host_id: rig.host,
      image_ref: "petiole://keyvalue-memory",
      provider_id: "store",
      annotations: ANNOTATIONS,
    });
    expect(await rig.ask("provider.start.{h}", command)).toEqual({
      success: false,
      message: "provider with that ID is already running",
    });
    expect((await rig.inventory()).providers).toContainEqual({
      id: "store",
      image_ref: "petiole://keyvalue-memory",
      annotations: ANNOTATIONS,
      revision: 0,
    });
    await waitFor("its health", () =>
      rig.events("health_check_passed").some(({ data }) => data["provider_id"] === "store"),
    );
  });

  test("that cannot start are told with the reason, and leave nothing behind", async ({ expect }) => {
    await rig.ask("config.put.odd", { colour: "red" });
    const wrong = [
      [{ provider_ref: "registry.example.test/kv:1" }, /runs no executables for others/],
      [{ config: ["nowhere"] }, /Config nowhere does not exist/],
      [{ config: ["odd"] }, /colour/],
    ] as const;
    for (const [more, reason] of wrong) {
      const told = rig.next("provider_start_failed");
      const command = startProviderCommand(rig, { provider_id: "bad", ...more });
      expect((await rig.ask("provider.start.{h}", command)).success).toBe(true);
      const { data } = await told;
      expect(data).toMatchObject({ provider_id: "bad", host_id: rig.host, link_name: "default" });
      expect(data["provider_ref"]).toBe(command["provider_ref"]);
      expect(data["error"]).toMatch(reason);
    }
    expect((await rig.agent.status()).lattice?.providers).toEqual(["store"]);
  });

  test("stop, and the event comes before the answer", async ({ expect }) => {
    const start = rig.next("provider_started");
    await rig.ask(
      "provider.start.{h}",
      startProviderCommand(rig, { provider_id: "brief", provider_ref: "builtin:keyvalue-memory" }),
    );
    expect((await start).data["image_ref"]).toBe("builtin:keyvalue-memory");
    expect(await rig.ask("provider.stop.{h}", { host_id: rig.host, provider_id: "brief" })).toEqual({
      success: true,
      message: "successfully stopped provider",
    });
    expect(rig.events("provider_stopped").at(-1)?.data).toEqual({
      host_id: rig.host,
      provider_id: "brief",
      annotations: {},
      reason: "stop",
      instance_id: "brief",
      public_key: "brief",
      link_name: "default",
    });
    expect(await rig.ask("provider.stop.{h}", { host_id: rig.host, provider_ref: "brief" })).toEqual({
      success: false,
      message: "provider with that ID is not running",
    });
    expect((await rig.ask("provider.stop.{h}", { host_id: rig.host, provider_id: "own" })).success).toBe(false);
  });
});

describe("a component, a provider and their links", () => {
  test("work together, over a reboot without the hub too", async ({ expect }) => {
    // As wadm does it: configuration, workloads and links in any order.
    await rig.ask("config.put.subscriptions", { subscriptions: '[{"subject":"sensors.>"}]' });
    await rig.ask("config.put.limits", { limit: "40", factor: "1" });
    const running = rig.next("component_scaled", of("smooth"));
    const set = rig.next("linkdef_set");
    const link1 = link({});
    expect(await rig.ask("link.put", link1)).toEqual({ success: true, message: "successfully set link" });
    expect((await set).data).toEqual(link1);
    await rig.ask("component.scale.{h}", scaleCommand(rig, { config: ["limits"], annotations: ANNOTATIONS }));
    const bus = rig.next("provider_started", (data) => data["provider_id"] === "cloud");
    await rig.ask(
      "provider.start.{h}",
      startProviderCommand(rig, { provider_id: "cloud", provider_ref: "petiole://messaging-nats" }),
    );
    await bus;
    const messaging = { wit_namespace: "wasmcloud", wit_package: "messaging" };
    await rig.ask("link.put", link({ ...messaging, target: "cloud", interfaces: ["consumer"] }));
    await rig.ask(
      "link.put",
      link({
        ...messaging,
        source_id: "cloud",
        target: "smooth",
        interfaces: ["handler"],
        source_config: ["subscriptions"],
      }),
    );
    await running;

    const heard: string[] = [];
    rig.client.subscribe(">", {
      callback: (_error, { subject }) => void (/^(alarms|readings)\./.test(subject) && heard.push(subject)),
    });
    const reading = (value: number): string => JSON.stringify({ sensor: "t1", seq: 1, value });
    let sent = 0;
    await waitFor("a reading to go through the component", () => {
      // Until the links are there, nobody listens.
      rig.client.publish("sensors.t1", reading(20 + (sent++ % 2)));
      return heard.includes("readings.t1");
    });
    // The limit of the named configuration.
    rig.client.publish("sensors.t1", reading(50));
    await waitFor("the alarm", () => heard.includes("alarms.t1"));

    expect(await rig.agent.stop("SIGKILL")).toBeNull();
    await rig.hub.kill();
    await rig.agent.start();
    const status = await rig.agent.status();
    expect(status.hub.link).not.toBe("online");
    expect(status.components.map(({ id, state }) => [id, state])).toEqual([["smooth", "running"]]);
    expect(status.providers.map(({ id }) => id)).toEqual(["own", "store", "cloud"]);
    expect(status.links.map(({ source, target }) => `${source}>${target}`)).toEqual([
      "smooth>cloud",
      "smooth>store",
      "cloud>smooth",
    ]);
    const [before, events] = [starts("smooth"), rig.events().length];
    await rig.hub.restart();
    await waitFor("the host to be back", () =>
      rig
        .events()
        .slice(events)
        .some(({ subject }) => subject.endsWith("heartbeat")),
    );
    expect((await rig.inventory()).components).toEqual([
      { id: "smooth", image_ref: SMOOTHER, annotations: ANNOTATIONS, revision: 0, max_instances: 1 },
    ]);
    // As wadm does when it learns of the host anew.
    const told = rig.next("component_scaled", of("smooth"));
    await rig.ask("component.scale.{h}", scaleCommand(rig, { config: ["limits"], annotations: ANNOTATIONS }));
    await told;
    await rig.ask("link.put", link1);
    expect(starts("smooth")).toBe(before);
    heard.length = 0;
    await waitFor("a reading to go through again", () => {
      rig.client.publish("sensors.t1", reading(20 + (sent++ % 2)));
      return heard.includes("readings.t1");
    });
  });

  test("a deleted link ends what it carried, and the component runs on", async ({ expect }) => {
    const before = starts("smooth");
    const deleted = rig.next("linkdef_deleted");
    const request = { source_id: "cloud", name: "default", wit_namespace: "wasmcloud", wit_package: "messaging" };
    expect(await rig.ask("link.del", request)).toEqual({ success: true, message: "successfully deleted link" });
    expect((await deleted).data).toEqual({ ...request, target: "smooth", interfaces: ["handler"] });
    await waitFor("the subscription to end", async () => {
      const { links } = await rig.agent.status();
      return links.every(({ source }) => source !== "cloud");
    });
    const again = rig.next("linkdef_deleted");
    expect((await rig.ask("link.del", request)).message).toBe("successfully deleted link");
    expect((await again).data).toEqual(request);
    expect((await rig.ask("link.del", { ...request, source_id: "ghost" })).message).toBe(
      "successfully deleted link (spec doesn't exist)",
    );
    expect(starts("smooth")).toBe(before);
  });

  test("a changed configuration reaches the component that names it", async ({ expect }) => {
    const before = starts("smooth");
    await rig.ask("config.put.limits", { limit: "80", factor: "1" });
    await waitFor("the component to start with it", () => starts("smooth") === before + 1);
    // Of no concern here.
    await rig.ask("config.put.elsewhere", { limit: "80" });
    await rig.ask("link.put", link({ source_id: "else", target: "where" }));
    await rig.ask("host.get.{h}");
    expect(starts("smooth")).toBe(before + 1);
  });
});
