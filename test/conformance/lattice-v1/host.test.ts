// Contract: wash, wadm and the control crate find this device as a host of their lattice, ask it for what it is and what
// runs on it, label it and stop it.

import { connect } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, test } from "vitest";
import { waitFor } from "../../support/wait-for.ts";
import { startLatticeRig, type Json, type LatticeRig } from "./support.ts";

let rig: LatticeRig;
beforeAll(async () => {
  rig = await startLatticeRig({
    lattice: { labels: { zone: "edge" } },
    config: {
      providers: { kv: { type: "keyvalue-memory" } },
    },
  });
});
afterAll(async () => await rig?.[Symbol.asyncDispose]());

const ID = /^N[A-Z2-7]{55}$/;

describe("the host", () => {
  test("announces itself, and its events are CloudEvents whose source is its public key", ({ expect }) => {
    const started = rig.events("host_started")[0];
    expect(rig.host).toMatch(ID);
    expect(started?.body).toEqual({
      specversion: "1.0",
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      type: "com.wasmcloud.lattice.host_started",
      source: rig.host,
      datacontenttype: "application/json",
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      data: {
        friendly_name: "gw-1",
        labels: expect.objectContaining({ zone: "edge", "hostcore.os": "linux", "hostcore.osfamily": "unix" }),
        uptime_seconds: 0,
        version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      },
    });
    const arch = (started?.data["labels"] as Json | undefined)?.["hostcore.arch"];
    expect(arch).toBe(process.arch === "arm64" ? "aarch64" : "x86_64");
  });

  test("answers a ping, which every host of the lattice hears", async ({ expect }) => {
    const replies = await rig.collect("host.ping", undefined);
    expect(replies).toEqual([
      {
        success: true,
        message: "",
        response: {
          id: rig.host,
          friendly_name: "gw-1",
          labels: expect.objectContaining({ zone: "edge" }),
          lattice: "default",
          uptime_seconds: expect.any(Number),
          uptime_human: expect.stringMatching(/^(\d+[dhm] )*\d+s$/),
          version: expect.any(String),
        },
      },
    ]);
  });

  test("tells its inventory, with what the device's own configuration runs", async ({ expect }) => {
    const { success, response } = await rig.ask("host.get.{h}");
    expect(success).toBe(true);
    expect(response).toEqual({
      host_id: rig.host,
      friendly_name: "gw-1",
      labels: expect.objectContaining({ zone: "edge" }),
      version: expect.any(String),
      uptime_seconds: expect.any(Number),
      uptime_human: expect.any(String),
      components: [],
      providers: [{ id: "kv", image_ref: "petiole://keyvalue-memory", annotations: {}, revision: 0 }],
    });
  });

  test("sends its inventory in each heartbeat", async ({ expect }) => {
    const { data, body } = await rig.next("host_heartbeat");
    expect(body["source"]).toBe(rig.host);
    const { uptime_seconds: _u, uptime_human: _h, ...told } = data;
    const { uptime_seconds: _v, uptime_human: _i, ...asked } = await rig.inventory();
    expect(told).toEqual(asked);
  });

  test("reports the health of providers: passed at first, then its status", async ({ expect }) => {
    await waitFor("a first report", () => rig.events("health_check_passed").length > 0);
    expect(rig.events("health_check_passed")[0]?.data).toEqual({ host_id: rig.host, provider_id: "kv" });
    expect((await rig.next("health_check_status")).data).toEqual({ host_id: rig.host, provider_id: "kv" });
    expect(rig.events("health_check_passed")).toHaveLength(1);
  });

  test("is not asked for what another host or lattice is asked", async ({ expect }) => {
    const nobody = async (subject: string): Promise<unknown> =>
      await rig.client.request(subject, "", { timeout: 500 }).catch((error: Error) => error.message);
    expect(await nobody(`wasmbus.ctl.v1.other.host.ping`)).toMatch(/no responders/i);
    expect(await nobody(`wasmbus.ctl.v1.default.host.get.N${"A".repeat(55)}`)).toMatch(/no responders/i);
    expect(await rig.ask("host.dance.{h}")).toEqual({ success: false, message: "unsupported subject" });
    expect(await rig.ask("provider.dance.{h}")).toEqual({ success: false, message: "unsupported subject" });
  });
});

describe("labels", () => {
  test("are set and deleted, and told in an event", async ({ expect }) => {
    const changed = rig.next("labels_changed");
    expect(await rig.ask("label.put.{h}", { key: "rack", value: "7" })).toEqual({
      success: true,
      message: "successfully put label",
    });
    expect((await changed).data).toEqual({
      host_id: rig.host,
      labels: expect.objectContaining({ rack: "7", zone: "edge" }),
    });
    expect((await rig.inventory()).labels["rack"]).toBe("7");
    // Older clients send a value, newer ones none.
    expect(await rig.ask("label.del.{h}", { key: "rack", value: "" })).toEqual({
      success: true,
      message: "successfully deleted label",
    });
    expect(await rig.ask("label.del.{h}", { key: "rack" })).toEqual({
      success: true,
      message: "successfully deleted label (no such label)",
    });
    expect((await rig.inventory()).labels).not.toHaveProperty("rack");
  });

  test("of the platform cannot be set", async ({ expect }) => {
    expect(await rig.ask("label.put.{h}", { key: "HostCore.arch", value: "z80" })).toEqual({
      success: false,
      message: "hostcore.* labels cannot be set dynamically",
    });
    expect((await rig.ask("label.put.{h}", { value: "7" })).success).toBe(false);
  });

  test("and the host's key outlive a restart, and so do deletions of configured ones", async ({ expect }) => {
    await rig.ask("label.put.{h}", { key: "rack", value: "9" });
    await rig.ask("label.del.{h}", { key: "zone" });
    const stopped = rig.next("host_stopped");
    const again = rig.next("host_started");
    expect(await rig.agent.stop("SIGTERM")).toBe(0);
    expect((await stopped).data).toEqual({ labels: expect.objectContaining({ rack: "9" }) });
    await rig.agent.start();
    expect((await again).body["source"]).toBe(rig.host);
    expect((await again).data["labels"]).toMatchObject({ rack: "9" });
    expect((await again).data["labels"]).not.toHaveProperty("zone");
  });
});

test("registries are stored, without an answer unless one is wanted", async ({ expect }) => {
  const registries = { "registry.example.test": { username: "u", password: "p", registryType: "oci" } };
  rig.client.publish("wasmbus.ctl.v1.default.registry.put", JSON.stringify(registries));
  expect(await rig.ask("registry.put", registries)).toEqual({
    success: true,
    message: "successfully put registries",
  });
  expect((await rig.ask("registry.put", { x: 5 })).success).toBe(false);
  expect(rig.agent.output()).not.toContain('"p"');
});

describe("host.stop", () => {
  test("refuses the id of another host", async ({ expect }) => {
    expect(await rig.ask("host.stop.{h}", { host_id: "NOTME" })).toEqual({
      success: false,
      message: "invalid host_id [NOTME]",
    });
    expect((await rig.ask("host.stop.{h}", "{")).success).toBe(false);
    expect((await rig.inventory()).providers).toHaveLength(1);
  });

  test("answers, stops what runs, tells so, and ends the agent with 0", async ({ expect }) => {
    const stopped = rig.next("host_stopped");
    expect(await rig.ask("host.stop.{h}", { host_id: rig.host, timeout: 2000 })).toEqual({
      success: true,
      message: "successfully handled stop host",
    });
    await stopped;
    // By itself: the signal comes to a process that is on its way out.
    const { pid } = rig.agent;
    await waitFor("the agent to end", () => {
      try {
        process.kill(pid, 0);
        return false;
      } catch {
        return true;
      }
    });
    expect(rig.agent.output()).toContain("the lattice stopped this host");
    const beats = rig.events("host_heartbeat").length;
    const other = await connect({ servers: rig.hub.url });
    await other.flush();
    await other.close();
    expect(rig.events("host_heartbeat")).toHaveLength(beats);
  });
});
