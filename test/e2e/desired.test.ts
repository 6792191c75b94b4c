// Contract: a device boots and works without any network, with what it last knew the cloud wanted; when the hub is there
// again, what changed meanwhile is started, updated and deleted, and what did not change is not touched.

import { jetstreamManager } from "@nats-io/jetstream";
import { Kvm } from "@nats-io/kv";
import { connect, RequestError, type NatsConnection } from "@nats-io/transport-node";
import { stringify } from "yaml";
import { describe, test } from "vitest";
import { connectChip } from "../../scripts/stage/chip.ts";
import type { AgentStatus, ComponentStatus } from "../../src/domain/status.ts";
import { exampleComponent, petiole, startAgent, type TestAgent } from "../support/agent.ts";
import { startDistantHub, type DistantHub } from "../support/distant-hub.ts";
import { tempFolder } from "../support/processes.ts";
import { waitFor } from "../support/wait-for.ts";

const LINES = { button: 17, lamp: 27 };

/** A hub behind a link that can be cut, and a device with a button and a lamp in its configuration file. */
interface Station extends Omit<DistantHub, "keys"> {
  readonly agent: TestAgent;
  readonly leafUrl: string;
  put(document: unknown): Promise<number>;
  /** Presses the button and resolves with whether the lamp is lit then. */
  press(): Promise<boolean>;
  component(id: string): Promise<ComponentStatus | undefined>;
}

async function startStation({ reachable }: { readonly reachable: boolean }): Promise<Station> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await tempFolder());
  const chipSocket = `${folder.path}/chip.sock`;
  const { hub, link, cloud, bucket, keys } = stack.use(await startDistantHub({ reachable }));
  const agent = stack.use(
    await startAgent({
      ...keys,
      components: { "button-lamp": { file: exampleComponent("button-lamp") } },
      providers: {
        pins: {
          type: "gpio",
          config: {
            chip: { backend: "simulated", lines: 28, control_socket: chipSocket },
            lines: {
              button: { line: LINES.button, direction: "input", edges: "both" },
              lamp: { line: LINES.lamp, direction: "output" },
            },
          },
        },
        store: { type: "keyvalue-sqlite" },
        cloud: { type: "messaging-nats" },
      },
      links: [
        {
          from: "pins",
          to: "button-lamp",
          interfaces: ["petiole:gpio/edge-handler"],
          config: { lines: { button: "read" } },
        },
        { from: "button-lamp", to: "pins", interfaces: ["petiole:gpio/lines"], config: { lines: { lamp: "write" } } },
        ...uses("button-lamp"),
      ],
    }),
  );
  const owned = stack.move();
  return {
    hub,
    link,
    agent,
    cloud,
    bucket,
    leafUrl: `nats://${keys.leaf.listen}`,
    put: (document) => bucket.put("gw-1", typeof document === "string" ? document : stringify(document)),
    press: async () => {
      await using chip = await connectChip(chipSocket);
      const changed = chip.nextChange(LINES.lamp);
      await chip.set(LINES.button, true);
      const lit = await changed;
      await chip.set(LINES.button, false);
      return lit;
    },
    component: async (id) => (await agent.status()).components.find((one) => one.id === id),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** What both examples import. */
const uses = (component: string): readonly unknown[] => [
  { from: component, to: "store", interfaces: ["wasi:keyvalue/store", "wasi:keyvalue/atomics"] },
  {
    from: component,
    to: "cloud",
    interfaces: ["wasmcloud:messaging/consumer"],
    config: { lanes: [{ subject: ">", lane: "critical" }] },
  },
];

/** A document with smoothers, each of which gets what is sent to `sensors.<name>`. */
function smoothers(limits: Readonly<Record<string, number>>): unknown {
  const names = Object.keys(limits);
  const entries = Object.entries(limits).map(([name, limit]) => [
    name,
    { file: exampleComponent("smoother"), config: { limit, factor: 1 } },
  ]);
  return {
    components: Object.fromEntries(entries),
    links: names.flatMap((name) => [
      {
        from: "cloud",
        to: name,
        interfaces: ["wasmcloud:messaging/handler"],
        config: { subscriptions: [{ subject: `sensors.${name}` }] },
      },
      ...uses(name),
    ]),
  };
}

const running = (status: AgentStatus): string[] =>
  status.components.filter(({ state }) => state === "running").map(({ id }) => id);

/** Publishes `text` as soon as somebody has subscribed to `subject`: until then nobody has heard it. */
async function sendOnce(connection: NatsConnection, subject: string, text: string): Promise<void> {
  await waitFor(`a subscriber of ${subject}`, () =>
    connection.request(subject, text, { timeout: 300 }).then(
      () => true,
      (cause: unknown) => !(cause instanceof RequestError && cause.isNoResponders()),
    ),
  );
}

async function waitForAgent(
  { agent }: Station,
  what: string,
  condition: (status: AgentStatus) => boolean,
  limitMs = 30_000,
): Promise<AgentStatus> {
  const met = async (): Promise<AgentStatus | false> => {
    const status = await agent.status();
    return condition(status) && status;
  };
  return await waitFor(what, met, limitMs).catch(async (cause: unknown) => {
    const status = JSON.stringify(await agent.status().catch(String));
    throw new Error(`Waited in vain for ${what}: ${status}\n${agent.output().slice(-4000)}`, { cause });
  });
}

async function subjectsAtHub({ cloud }: Station): Promise<string[]> {
  const manager = await jetstreamManager(cloud);
  const { state } = await manager.streams.info("PETIOLE", { subjects_filter: ">" });
  return Object.keys(state.subjects ?? {}).sort();
}

describe("a boot without a network", () => {
  test("everything of the file runs, the button switches the lamp, and the outbox keeps what the hub should hear", async ({
    expect,
  }) => {
    await using station = await startStation({ reachable: false });
    const { agent } = station;
    const status = await agent.status();
    expect(status.state).toBe("running");
    expect(running(status)).toEqual(["button-lamp"]);
    expect(status.hub.link).not.toBe("online");
    expect([await station.press(), await station.press(), await station.press()]).toEqual([true, false, true]);
    await waitForAgent(station, "three events in the outbox", ({ outbox }) =>
      outbox.lanes.some(({ lane, rows }) => lane === "critical" && rows === 3),
    );
    expect((await agent.status()).desired).toMatchObject({ file: agent.configFile, hub: "connecting" });
    station.link.mend();
    await waitForAgent(station, "the outbox to drain", ({ outbox }) => outbox.lanes.every(({ rows }) => rows === 0));
    expect(await subjectsAtHub(station)).toEqual(["petiole.gw-1.critical.events.button"]);
    expect(await station.press()).toBe(false);
  });

  test("runs what the hub wanted last; back online, A is started, B updated, C deleted, and the rest is not touched", async ({
    expect,
  }) => {
    await using station = await startStation({ reachable: true });
    const { agent, link } = station;
    const first = await station.put(smoothers({ b: 100, c: 100, d: 100 }));
    await waitForAgent(station, "the document", ({ desired }) => desired.document?.revision === first);
    expect(running(await agent.status())).toEqual(["button-lamp", "b", "c", "d"]);

    // The cloud changes its mind while the device is off and the link down.
    expect(await agent.stop("SIGKILL")).toBeNull();
    link.cut();
    const second = await station.put(smoothers({ a: 100, b: 40, d: 100 }));
    await agent.start();
    const offline = await agent.status();
    expect(running(offline)).toEqual(["button-lamp", "b", "c", "d"]);
    expect(offline.desired).toMatchObject({ document: { revision: first, components: ["b", "c", "d"] } });
    expect(await station.press()).toBe(true);
    const local = await connect({ servers: station.leafUrl });
    const reading = (sensor: string, value: number): string => JSON.stringify({ sensor, seq: 1, value });
    for (const name of ["b", "d"]) {
      await sendOnce(local, `sensors.${name}`, reading(name, 50));
    }
    await waitFor("both readings to be handled", async () => {
      const calls = [await station.component("b"), await station.component("d")].map((one) => one?.calls);
      return calls.every((count) => count === 1);
    });
    const before = new Map((await agent.status()).components.map((one) => [one.id, one]));

    link.mend();
    const online = await waitForAgent(
      station,
      "the new document",
      ({ desired }) => desired.document?.revision === second,
    );
    expect(running(online)).toEqual(["button-lamp", "a", "b", "d"]);
    const after = new Map(online.components.map((one) => [one.id, one]));
    for (const id of ["button-lamp", "d"]) {
      expect(before.get(id)?.calls).toBeGreaterThan(0);
      expect(after.get(id)?.calls).toBe(before.get(id)?.calls);
      expect(after.get(id)?.restarts).toBe(0);
    }
    expect(after.get("b")?.calls).toBe(0);
    const starts = agent
      .output()
      .split("\n")
      .filter((line) => line.includes('"msg":"Component started"'));
    const startsOf = (id: string): number => starts.filter((line) => line.includes(`"component":"${id}"`)).length;
    // Once in each of the two processes, and b once more with its new configuration.
    expect({
      lamp: startsOf("button-lamp"),
      a: startsOf("a"),
      b: startsOf("b"),
      c: startsOf("c"),
      d: startsOf("d"),
    }).toEqual({ lamp: 2, a: 1, b: 3, c: 2, d: 2 });
    // B has its new limit, and A hears what is sent to it.
    await sendOnce(local, "sensors.b", reading("b", 50));
    await sendOnce(local, "sensors.a", reading("a", 20));
    await waitFor("what b and a say", async () => {
      const subjects = await subjectsAtHub(station);
      return ["alarms.b", "readings.a"].every((subject) => subjects.includes(`petiole.gw-1.critical.${subject}`));
    });
    expect(await subjectsAtHub(station)).not.toContain("petiole.gw-1.critical.alarms.d");
    await local.close();

    await station.bucket.delete("gw-1");
    const deleted = await waitForAgent(station, "the items to go", ({ desired }) => desired.document === undefined);
    expect(running(deleted)).toEqual(["button-lamp"]);
    expect(deleted.components[0]?.calls).toBe(before.get("button-lamp")?.calls);
    expect(await station.press()).toBe(false);
  });

  test("a document that is deleted while the device is off goes when it is online again", async ({ expect }) => {
    await using station = await startStation({ reachable: true });
    const { agent, link } = station;
    await station.put(smoothers({ b: 100 }));
    await waitForAgent(station, "the document", ({ desired }) => desired.document !== undefined);
    expect(await agent.stop("SIGTERM")).toBe(0);
    link.cut();
    // Without a trace of it in the bucket.
    await station.bucket.purge("gw-1");
    await (await jetstreamManager(station.cloud)).streams.purge("KV_petiole-desired");
    await agent.start();
    expect(running(await agent.status())).toEqual(["button-lamp", "b"]);
    link.mend();
    const without = await waitForAgent(station, "the document to go", ({ desired }) => desired.document === undefined);
    expect(running(without)).toEqual(["button-lamp"]);
    // A bucket that was lost is another matter: nothing is taken away.
    const again = await station.put(smoothers({ b: 100 }));
    await waitForAgent(station, "the document", ({ desired }) => desired.document?.revision === again);
    await (await jetstreamManager(station.cloud)).streams.delete("KV_petiole-desired");
    await new Kvm(station.cloud).create("petiole-desired");
    // Nobody ends a pull whose consumer went with its stream: it is given up when its 30 s and 5 s more are over.
    const lost = await waitForAgent(
      station,
      "the loss to be seen",
      ({ desired }) => /new one/.test(desired.lastError?.message ?? ""),
      60_000,
    );
    expect(running(lost)).toEqual(["button-lamp", "b"]);
  });
});

describe("a document with faults", () => {
  test("is refused with all of them, is shown, and changes nothing", async ({ expect }) => {
    await using station = await startStation({ reachable: true });
    const { agent } = station;
    const good = await station.put(smoothers({ b: 100 }));
    await waitForAgent(station, "the document", ({ desired }) => desired.document?.revision === good);
    const bad = await station.put(
      "components: { b: { file: b.wasm, colour: red } }\n" +
        "providers: { e: { type: nosuch } }\n" +
        "links: [{ from: nobody, to: b, interfaces: [wasi:keyvalue/store] }]\n",
    );
    const status = await waitForAgent(station, "the refusal", ({ desired }) => desired.refused?.revision === bad);
    expect(status.desired.refused?.code).toBe("ERR_CONFIG_INVALID");
    expect(status.desired.refused?.message).toMatch(/:1:34: components\.b\.colour: this key is not known here/);
    expect(status.desired.refused?.message).toMatch(/links\[0\]\.from: no component or provider is named "nobody"/);
    expect(status.desired.document?.revision).toBe(good);
    expect(running(status)).toEqual(["button-lamp", "b"]);
    const worse = await station.put("providers: { e: { type: nosuch } }");
    const again = await waitForAgent(station, "the refusal", ({ desired }) => desired.refused?.revision === worse);
    expect(again.desired.refused?.message).toMatch(/providers\.e\.type: there is no provider type "nosuch"/);
    const { stdout } = await petiole("status", "--config", agent.configFile);
    expect(stdout).toContain(`revision ${good} of the hub's document (1 component, 0 providers, 3 links)`);
    expect(stdout).toContain(`revision ${worse} is refused: ERR_CONFIG_INVALID`);

    // It is remembered over a reboot, and a document without faults ends it.
    expect(await agent.stop("SIGTERM")).toBe(0);
    station.link.cut();
    await agent.start();
    expect((await agent.status()).desired.refused?.revision).toBe(worse);
    station.link.mend();
    const better = await station.put(smoothers({ b: 50 }));
    const fine = await waitForAgent(station, "the document", ({ desired }) => desired.document?.revision === better);
    expect(fine.desired.refused).toBeUndefined();
  });

  test("a component whose file is not what its digest says is not started, until it is", async ({ expect }) => {
    await using station = await startStation({ reachable: true });
    const wrong = `sha256:${"0".repeat(64)}`;
    const file = exampleComponent("smoother");
    const document = (digest: string) => ({ components: { b: { file, digest } }, links: uses("b") });
    await station.put(document(wrong));
    await waitForAgent(station, "the failure", ({ components }) =>
      components.some(
        ({ id, state, lastError }) => id === "b" && state === "failed" && lastError?.code === "ERR_COMPONENT_DIGEST",
      ),
    );
    const found = (await station.component("b"))?.lastError?.message ?? "";
    const digest = /found (sha256:[0-9a-f]{64}), want sha256:0{64}/.exec(found)?.[1] ?? "";
    await station.put(document(digest));
    const status = await waitForAgent(station, "b to run", (found) => running(found).includes("b"));
    expect(status.components.find(({ id }) => id === "b")).toMatchObject({ digest, state: "running" });
  });
});
