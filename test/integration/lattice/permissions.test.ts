// Contract: a device whose user may do no more than `petiole hub permissions` says does all its work, and nobody who
// holds its credentials can speak for another device, listen to its answers, or change what the fleet shares.

import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { Kvm } from "@nats-io/kv";
import { connect, PermissionViolationError, type NatsConnection } from "@nats-io/transport-node";
import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { stringify } from "yaml";
import { describe, test } from "vitest";
import { exampleComponent, petiole, startAgent, type TestAgent } from "../../support/agent.ts";
import { startNats, type TestNats } from "../../support/nats.ts";
import { freePort } from "../../support/ports.ts";
import { tempFolder } from "../../support/processes.ts";
import { storedMessages } from "../../support/stored-messages.ts";
import { waitFor } from "../../support/wait-for.ts";

type Mode = "direct" | "leaf";

const hubConfig = (mode: Mode, url: string) => ({
  mode,
  urls: [url],
  domain: "hub",
  inbox: { name: "PETIOLE_IN" },
  desired_state: true,
  poll_interval: "200ms",
  echo_interval: "1s",
  echo_timeout: "1s",
});
const STORE = { store: { type: "keyvalue-nats", config: { create: {} } } };
const LATTICE = { name: "edge", heartbeat: "1s", components_folder: dirname(exampleComponent("smoother")) };

/** A hub with two devices and somebody who may do everything. */
async function startFleet(mode: Mode): Promise<TestNats> {
  await using folder = await tempFolder();
  const users = [`{ user: ops, password: ops }`];
  for (const id of ["gw-1", "gw-2"]) {
    const file = join(folder.path, `${id}.yaml`);
    const lattice = id === "gw-1" ? LATTICE : { name: "another" };
    await writeFile(
      file,
      stringify({
        device: { id },
        hub: hubConfig(mode, "nats://127.0.0.1:4222"),
        lattice,
        operator: {},
        providers: id === "gw-1" ? STORE : {},
      }),
    );
    const { code, stdout, stderr } = await petiole("hub", "permissions", "--config", file);
    if (code !== 0) throw new Error(stderr);
    users.push(`{ user: ${id}, password: secret, ${stdout} }`);
  }
  return await startNats({
    jetstream: true,
    domain: "hub",
    leafnodes: true,
    config: `authorization { users: [\n${users.join("\n")}\n] }`,
  });
}

const logIn = async (hub: TestNats, user: string, pass: string): Promise<NatsConnection> =>
  await connect({ servers: hub.url, user, pass, inboxPrefix: `_INBOX.${user}` });

async function prepareHub(ops: NatsConnection): Promise<void> {
  const manager = await jetstreamManager(ops);
  await manager.streams.add({ name: "PETIOLE", subjects: ["petiole.*.>"] });
  await manager.streams.add({ name: "PETIOLE_IN", subjects: ["petiole-in.*.>"] });
  const documents = await new Kvm(ops).create("petiole-desired");
  await documents.put("gw-1", stringify({ providers: { fromDocument: { type: "keyvalue-sqlite" } } }));
}

async function startDevice(hub: TestNats, mode: Mode): Promise<TestAgent> {
  const port = mode === "leaf" ? hub.leafPort : hub.port;
  return await startAgent({
    hub: hubConfig(mode, `nats://gw-1:secret@127.0.0.1:${port}`),
    leaf: { listen: `127.0.0.1:${await freePort()}`, monitor: `127.0.0.1:${await freePort()}` },
    lattice: LATTICE,
    operator: {},
    components: { smoother: { file: exampleComponent("smoother") } },
    providers: { bus: { type: "messaging-nats" }, ...STORE },
    links: [
      {
        from: "bus",
        to: "smoother",
        interfaces: ["wasmcloud:messaging/handler"],
        config: { subscriptions: [{ subject: "commands.>", durable: true }] },
      },
      {
        from: "smoother",
        to: "bus",
        interfaces: ["wasmcloud:messaging/consumer"],
        config: { lanes: [{ subject: ">", lane: "critical" }], max_body: "80B" },
      },
      { from: "smoother", to: "store", interfaces: ["wasi:keyvalue/store", "wasi:keyvalue/atomics"] },
    ],
  });
}

/** Subjects that the hub refused to the connection from now on, each with the operation. */
function refusals(connection: NatsConnection): string[] {
  const seen: string[] = [];
  void (async () => {
    for await (const status of connection.status()) {
      if (status.type === "error" && status.error instanceof PermissionViolationError) {
        seen.push(`${status.error.operation} ${status.error.subject}`);
      }
    }
  })();
  return seen;
}

describe.each<{ mode: Mode }>([{ mode: "direct" }, { mode: "leaf" }])(
  "a user for a device in $mode mode",
  ({ mode }) => {
    test("does the device's work, and nothing is refused", async ({ expect }) => {
      await using hub = await startFleet(mode);
      const ops = await logIn(hub, "ops", "ops");
      await using _closing = { [Symbol.asyncDispose]: () => ops.close() };
      await prepareHub(ops);
      await using agent = await startDevice(hub, mode);

      const status = await waitFor("everything to be connected", async () => {
        const now = await agent.status();
        const { inbox, desired, lattice, providers } = now;
        const isThere = providers.some(({ id }) => id === "fromDocument");
        return inbox.hub.state === "receiving" && lattice?.buckets === "shared" && isThere && desired && now;
      });
      const command = JSON.stringify({ sensor: "boiler", seq: 1, value: 20 });
      await jetstream(ops).publish("petiole-in.gw-1.commands.boiler", command);
      const manager = await jetstreamManager(ops);
      const stored = await waitFor("the answer", async () => (await storedMessages(manager))[0]);
      expect(stored.subject).toMatch(/^petiole\.gw-1\.critical\./);
      const kept = await new Kvm(ops).open("petiole");
      await waitFor("what the component has kept of it", async () => {
        for await (const key of await kept.keys("smoother.>")) return key;
        return undefined;
      });

      const ask = async (verb: string, body: unknown): Promise<unknown> =>
        (await ops.request(`wasmbus.ctl.v1.edge.${verb}`, JSON.stringify(body), { timeout: 10_000 })).json();
      const host = status.lattice?.host ?? "";
      expect(await ask("config.put.one", { a: "1" })).toMatchObject({ success: true });
      expect(
        await ask(`provider.start.${host}`, { provider_id: "asked", provider_ref: "petiole://keyvalue-sqlite" }),
      ).toMatchObject({
        success: true,
      });
      await waitFor("the provider", async () => (await agent.status()).providers.some(({ id }) => id === "asked"));
      const answer = await ops.request("runtime.host.gw-1.heartbeat", "{}", { timeout: 10_000 });
      expect(answer.json()).toMatchObject({ friendlyName: "gw-1" });
      expect((await agent.status()).operator?.state).toBe("heard");
      // The echo may come a moment later than the rest.
      await waitFor("the link to be online", async () => (await agent.status()).hub.link === "online");
      expect(hub.output()).not.toMatch(/violation/i);
      expect(agent.output()).not.toMatch(/permission/i);
    });
  },
);

test("whoever holds a device's credentials can hurt that device alone", async ({ expect }) => {
  await using hub = await startFleet("direct");
  const ops = await logIn(hub, "ops", "ops");
  await using _closing = { [Symbol.asyncDispose]: () => ops.close() };
  await prepareHub(ops);
  const manager = await jetstreamManager(ops);
  await manager.consumers.add("PETIOLE_IN", {
    durable_name: "petiole-gw-2",
    ack_policy: "explicit",
    filter_subject: "petiole-in.gw-2.>",
  });

  const thief = await logIn(hub, "gw-1", "secret");
  await using _thief = { [Symbol.asyncDispose]: () => thief.close() };
  const forbidden = [
    // In the name of another device, and to it.
    "petiole.gw-2.critical.events.door",
    "petiole-in.gw-2.commands.open",
    "petiole-in.gw-1.commands.open",
    // What the fleet shares.
    "$JS.hub.API.STREAM.DELETE.PETIOLE",
    "$JS.hub.API.STREAM.PURGE.PETIOLE",
    "$JS.hub.API.STREAM.UPDATE.PETIOLE",
    "$JS.hub.API.STREAM.MSG.DELETE.PETIOLE",
    "$JS.hub.API.STREAM.CREATE.THEIRS",
    "$JS.API.STREAM.DELETE.PETIOLE",
    // What is for another device.
    "$JS.hub.API.CONSUMER.MSG.NEXT.PETIOLE_IN.petiole-gw-2",
    "$JS.hub.API.CONSUMER.DELETE.PETIOLE_IN.petiole-gw-2",
    "$JS.hub.API.CONSUMER.CREATE.PETIOLE_IN.mine.petiole-in.gw-2.>",
    "$JS.hub.API.CONSUMER.CREATE.PETIOLE_IN.petiole-gw-1.petiole-in.gw-2.>",
    "$JS.hub.API.CONSUMER.CREATE.KV_petiole-desired.mine.$KV.petiole-desired.gw-2",
    "$JS.ACK.PETIOLE_IN.petiole-gw-2.1.1.1.1.0",
    "$KV.petiole-desired.gw-1",
    "$KV.petiole-desired.gw-2",
    // Another lattice.
    "wasmbus.ctl.v1.another.host.ping",
    "wasmbus.ctl.v1.edge.host.ping",
    "wasmbus.evt.another.host_stopped",
    "$KV.LATTICEDATA_another.COMPONENT_x",
    "$KV.CONFIGDATA_another.x",
    "another.x.wrpc.0.0.1.wasi:keyvalue/store.get",
    // What the operator says to hosts, and what another host says to it.
    "runtime.host.gw-1.workload.start",
    "runtime.host.gw-2.workload.stop",
    "runtime.operator.heartbeat.gw-2",
  ];
  const hidden = [
    ">",
    "_INBOX.>",
    "_INBOX.gw-2.>",
    "petiole.>",
    "wasmbus.ctl.v1.another.>",
    "$KV.>",
    "runtime.host.gw-2.>",
  ];
  const refused = refusals(thief);
  for (const subject of forbidden) thief.publish(subject, "{}");
  for (const subject of hidden) thief.subscribe(subject, { callback: () => {} });
  thief.publish("petiole.gw-1.critical.events.door", "this one is the device's own");
  await thief.flush();
  await waitFor("the refusals", () => refused.length >= forbidden.length + hidden.length);
  // The server looks at a client's requests as those of its own domain.
  const subjects = forbidden.map((subject) => subject.replace("$JS.hub.", "$JS."));
  expect(refused).toEqual([
    ...subjects.map((subject) => `publish ${subject}`),
    ...hidden.map((subject) => `subscription ${subject}`),
  ]);
  expect((await storedMessages(manager)).map(({ subject }) => subject)).toEqual(["petiole.gw-1.critical.events.door"]);
});
