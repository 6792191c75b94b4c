// Contract: the operator registers this device as a host, keeps it healthy, and starts, watches and stops workloads on it.
// What is sent is what its controllers send; what comes back is read as strictly as they do.

import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, test } from "vitest";
import { waitFor } from "../../support/wait-for.ts";
import {
  component,
  ERROR,
  MESSAGING,
  NOT_FOUND,
  RUNNING,
  SMOOTHER,
  startOperatorRig,
  STOPPING,
  workload,
  type OperatorRig,
} from "./support.ts";

let rig: OperatorRig;
beforeAll(async () => {
  rig = await startOperatorRig({
    operator: { labels: { zone: "plant-a" }, environment: "plant-a", hostname: "10.1.2.3" },
    config: { providers: { store: { type: "keyvalue-memory" } } },
  });
});
afterAll(async () => await rig?.[Symbol.asyncDispose]());

const starts = (): number =>
  rig.agent
    .output()
    .split("\n")
    .filter((line) => line.includes('"msg":"Component started"')).length;

describe("a heartbeat", () => {
  test("says what the Host object is made of", async ({ expect }) => {
    const [first] = rig.heartbeats;
    expect(first).toMatchObject({
      id: "gw-1",
      friendlyName: "gw-1",
      hostname: "10.1.2.3",
      labels: { hostgroup: "default", zone: "plant-a" },
      environment: "plant-a",
      osName: "linux",
      version: expect.stringMatching(/^\d+\.\d+\.\d+/) as string,
    });
    expect(first?.["systemMemoryTotal"]).toBeGreaterThan(0n);
    expect(first?.["imports"]).toContainEqual(
      expect.objectContaining({ namespace: "wasi", package: "keyvalue", interfaces: ["store", "atomics"] }),
    );
    // A port of 0 is one that is not there.
    expect(first).not.toHaveProperty("httpPort");
    expect(first).not.toHaveProperty("workloadCount");
  });

  test("comes again and again, and at once when it is asked for", async ({ expect }) => {
    const before = rig.heartbeats.length;
    await waitFor("another heartbeat", () => rig.heartbeats.length > before);
    expect(await rig.heartbeat()).toMatchObject({ id: "gw-1", startedAt: rig.heartbeats[0]?.["startedAt"] });
  });

  test("comes as soon as the hub is back", async ({ expect }) => {
    await rig.hub.restart();
    const back = await waitFor("the client", () => !rig.client.isClosed() && rig.client.rtt().then(() => true));
    expect(back).toBe(true);
    const before = rig.heartbeats.length;
    // Between two tries to reach the hub, a device waits up to 15 s.
    await waitFor("a heartbeat after the outage", () => rig.heartbeats.length > before, 60_000);
    await waitFor("the host to answer", () => rig.heartbeat());
  });
});

describe("a workload", () => {
  test("is started, watched and stopped, whatever way its requests are written", async ({ expect }) => {
    for (let i = 0; i < 6; i++) {
      const id = randomUUID();
      expect(await rig.start(workload({ name: `app-${i}` }), id)).toMatchObject({ workloadState: RUNNING });
      expect(await rig.status(id)).toMatchObject({ workloadState: RUNNING });
      expect(await rig.heartbeat()).toMatchObject({ workloadCount: 1n, componentCount: 1n });
      expect(await rig.stop(id)).toMatchObject({ workloadState: STOPPING });
      expect(await rig.status(id)).toMatchObject({ workloadState: NOT_FOUND });
    }
    expect(await rig.heartbeat()).not.toHaveProperty("workloadCount");
  });

  test("that is asked for again is not started again", async ({ expect }) => {
    const id = randomUUID();
    const before = starts();
    const replies = await Promise.all(Array.from({ length: 20 }, () => rig.start(workload({}), id)));
    expect(new Set(replies.map(({ workloadState }) => workloadState))).toEqual(new Set([RUNNING]));
    expect(await rig.start(workload({ components: [] }), id)).toMatchObject({ workloadState: RUNNING });
    expect(starts()).toBe(before + 1);
    expect((await Promise.all(Array.from({ length: 5 }, () => rig.stop(id)))).map((one) => one.workloadState)).toEqual(
      Array.from({ length: 5 }, () => STOPPING),
    );
    expect(await rig.stop(id)).toMatchObject({ workloadState: NOT_FOUND });
    // The id is free again.
    expect(await rig.start(workload({}), id)).toMatchObject({ workloadState: RUNNING });
    await rig.stop(id);
  });

  test("with what the operator leaves out, and nothing to run", async ({ expect }) => {
    for (const rest of [
      {},
      { witWorld: {} },
      { witWorld: undefined },
      { volumes: [{ name: "a", emptyDir: {} }, { name: "b" }] },
    ]) {
      const id = randomUUID();
      expect(await rig.start(workload({ components: [], rest }), id)).toMatchObject({ workloadState: RUNNING });
      await rig.stop(id);
    }
  });

  test("with everything that a component may have", async ({ expect }) => {
    const id = randomUUID();
    const full = component({
      imagePullPolicy: "IMAGE_PULL_POLICY_ALWAYS",
      imagePullSecret: {},
      poolSize: 2,
      maxInvocations: 100,
      maxConcurrency: 2,
      localResources: {
        environment: { LOG: "debug" },
        config: { a: "b" },
        allowedHosts: ["*.acme.io", "https://api.example/", "*"],
        allowedIpNameLookups: ["*.acme.io"],
        allowedHostLoopbackPorts: ["5432/tcp"],
        volumeMounts: [
          { name: "scratch", mountPath: "/data" },
          { name: "nowhere", mountPath: "/x" },
        ],
      },
    });
    const request = workload({ components: [full], rest: { volumes: [{ name: "scratch", emptyDir: {} }] } });
    expect(await rig.start(request, id)).toMatchObject({ workloadState: RUNNING });
    const { components } = await rig.agent.status();
    expect(components.map((one) => one.image?.reference)).toEqual(["nats-object://components/bare.wasm"]);
    await rig.stop(id);
  });

  test("hears messages, publishes and keeps values", async ({ expect }) => {
    const id = randomUUID();
    const smoother = component({ name: "smoother", image: SMOOTHER, localResources: { config: { factor: "1" } } });
    const entries = [
      { ...MESSAGING, version: "0.2.0", config: { subscriptions: "sensors.raw.>", consumer_group: "smooth.group" } },
      { namespace: "wasi", package: "keyvalue", interfaces: ["store", "atomics"] },
      { namespace: "wasi", package: "config", interfaces: ["store"], config: { limit: "1000" } },
      { namespace: "wasi", package: "logging", interfaces: ["logging"] },
    ];
    const readings: string[] = [];
    rig.client.subscribe("readings.>", { callback: (_error, message) => void readings.push(message.string()) });
    expect(await rig.start(workload({ components: [smoother], hostInterfaces: entries }), id)).toMatchObject({
      workloadState: RUNNING,
    });
    rig.client.publish("sensors.raw.boiler", JSON.stringify({ sensor: "boiler", seq: 1, value: 61.5 }));
    await waitFor("the reading", () => readings.find((text) => text.includes("61.5")));
    expect((await rig.agent.status()).operator?.workloads).toMatchObject([{ id, state: "running" }]);
    await rig.stop(id);
    expect((await rig.agent.status()).providers.map((one) => one.id)).toEqual(["store"]);
  });

  test("may use a provider of the device, by its name", async ({ expect }) => {
    const id = randomUUID();
    const smoother = component({ name: "smoother", image: SMOOTHER });
    const entries = [
      MESSAGING,
      {
        namespace: "wasi",
        package: "keyvalue",
        interfaces: ["store", "atomics"],
        name: "store",
        config: { max_key: "64B" },
      },
    ];
    expect(await rig.start(workload({ components: [smoother], hostInterfaces: entries }), id)).toMatchObject({
      workloadState: RUNNING,
    });
    expect((await rig.agent.status()).links).toContainEqual(
      expect.objectContaining({ target: "store", name: "store" }),
    );
    await rig.stop(id);
  });
});

describe("what cannot run is an error with its reason", () => {
  test.for([
    ["a service", { rest: { service: { image: "example/a", maxRestarts: 3n } } }, /service/],
    ["an import that is not declared", { hostInterfaces: [] }, /wasmcloud:messaging\/consumer.*no host interface/],
    [
      "an interface that nobody has",
      { hostInterfaces: [{ ...MESSAGING, version: "0.3.0" }] },
      /wasmcloud:messaging\/consumer/,
    ],
    ["an image that is none", { components: [component({ image: "Not An Image" })] }, /image/],
    ["a file of the device", { components: [component({ image: "file:///etc/passwd" })] }, /file of the device/],
    [
      "an image that is not there",
      { components: [component({ image: "nats-object://components/no.wasm" })] },
      /no\.wasm/,
    ],
    [
      "an image that may not be fetched",
      {
        components: [
          component({ image: "nats-object://components/http.wasm", imagePullPolicy: "IMAGE_PULL_POLICY_NEVER" }),
        ],
      },
      /Never/,
    ],
    [
      "entries of lists, all of them",
      {
        components: [
          component({
            localResources: {
              allowedHosts: ["*foo", "a/b", "listen:80"],
              allowedIpNameLookups: ["*.a.*"],
              allowedHostLoopbackPorts: ["0", "x"],
            },
          }),
        ],
      },
      /\*foo.*a\/b.*listen:80.*\*\.a\.\*.*"0".*"x"/,
    ],
    [
      "a folder of the device",
      {
        components: [component({ localResources: { volumeMounts: [{ name: "v", mountPath: "/data" }] } })],
        rest: { volumes: [{ name: "v", hostPath: { localPath: "/etc" } }] },
      },
      /host_paths/,
    ],
    [
      "a group name that is none",
      { hostInterfaces: [{ ...MESSAGING, config: { consumer_group: "a b" } }] },
      /consumer_group/,
    ],
  ] as const)("%s", async ([, more, reason], { expect }) => {
    const id = randomUUID();
    const reply = await rig.start(workload(more), id);
    expect(reply.workloadState).toBe(ERROR);
    expect(reply.message).toMatch(reason);
    expect(await rig.status(id)).toMatchObject({ workloadState: ERROR, message: reply.message });
    expect(await rig.stop(id)).toMatchObject({ workloadState: STOPPING });
    expect(await rig.status(id)).toMatchObject({ workloadState: NOT_FOUND });
  });
});
