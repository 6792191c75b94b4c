// Contract: a secret is named in the configuration, is nowhere to be seen, and a new value reaches what uses it, and nothing
// else, without a message getting lost.

import { once } from "node:events";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { join } from "node:path";
import { Aedes, type Client } from "aedes";
import { describe, test } from "vitest";
import { askAgent } from "../../src/adapters/control/client.ts";
import { exampleComponent, petiole, startAgent, type TestAgent } from "../support/agent.ts";
import { connectMqtt } from "../support/mqtt.ts";
import { freePort } from "../support/ports.ts";
import { tempFolder } from "../support/processes.ts";
import { waitFor } from "../support/wait-for.ts";

const FIRST = "marker-first-7Qx!";
const SECOND = "marker-second-9Zk%";
const OUT = "marker-out-3Vb/";

/** A broker that knows one client by its password, and keeps its session. */
async function startBroker() {
  let password = FIRST;
  const refused: string[] = [];
  const clients = new Map<string, Client>();
  const broker = await Aedes.createBroker({
    authenticate: ({ id }, _username, given, done) => {
      const fits = id !== "gateway" || given?.toString() === password;
      if (!fits) refused.push(given?.toString() ?? "");
      done(null, fits);
    },
  });
  broker.on("client", (client) => clients.set(client.id, client));
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    broker.handle(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`,
    refused,
    /** From now on another password is right; who is connected has to log in again. */
    rotate(next: string): void {
      password = next;
      clients.get("gateway")?.close();
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => broker.close(() => resolve())));
    },
  };
}

const put = async (folder: string, name: string, value: string): Promise<void> =>
  await writeFile(join(folder, name), `${value}\n`, { mode: 0o600 });

/** Every text that the agent has written or answered. */
async function everything(agent: TestAgent): Promise<string> {
  const shown = await Promise.all([
    petiole("status", "--socket", agent.socket),
    petiole("status", "--json", "--socket", agent.socket),
    petiole("apps", "--json", "--socket", agent.socket),
    petiole("outbox", "--json", "--socket", agent.socket),
    petiole("config", "check", agent.configFile),
  ]);
  const answers = await Promise.all((["links", "logs", "metrics"] as const).map((one) => askAgent(agent.socket, one)));
  const files = await readdir(agent.stateDir, { recursive: true, withFileTypes: true });
  const contents = await Promise.all(
    files.filter((file) => file.isFile()).map(({ parentPath, name }) => readFile(join(parentPath, name), "latin1")),
  );
  const texts = [
    ...shown.flatMap(({ stdout, stderr }) => [stdout, stderr]),
    ...answers.map((one) => JSON.stringify(one)),
  ];
  return [...texts, ...contents, agent.output()].join("\n");
}

function expectNoMarker(text: string): void {
  const forms = [FIRST, SECOND, OUT].flatMap((value) => [
    value,
    encodeURIComponent(value),
    Buffer.from(value).toString("base64"),
  ]);
  const found = forms.filter((form) => text.includes(form));
  if (found.length > 0) throw new Error(`A secret shows: ${found.join(", ")}`);
}

describe("secrets of providers", () => {
  test("a rotated password reaches the provider that uses it; nothing is lost and nothing shows", async ({
    expect,
  }) => {
    await using folder = await tempFolder();
    const box = join(folder.path, "secrets");
    await mkdir(box, { mode: 0o700 });
    await put(box, "broker", FIRST);
    await put(box, "out", JSON.stringify({ password: OUT }));
    await using broker = await startBroker();
    const port = await freePort();
    await using agent = await startAgent({
      log: { level: "trace" },
      secrets: { backends: { box: { type: "files", folder: box, refresh: "100ms" } } },
      components: { smoother: { file: exampleComponent("smoother") } },
      providers: {
        in: {
          type: "mqtt",
          config: {
            url: broker.url,
            client_id: "gateway",
            username: "gw",
            password: { secret: "broker" },
            reconnect: { initial: "20ms", max: "100ms" },
          },
        },
        out: {
          type: "mqtt",
          config: {
            broker: {
              listen: `127.0.0.1:${port}`,
              users: [{ username: "reader", password: { secret: "out", field: "password" } }],
            },
          },
        },
        store: { type: "keyvalue-sqlite" },
      },
      links: [
        {
          from: "in",
          to: "smoother",
          interfaces: ["wasmcloud:messaging/handler"],
          config: { subscriptions: [{ topic: "sensors/#", qos: 1 }] },
        },
        { from: "smoother", to: "out", interfaces: ["wasmcloud:messaging/consumer"] },
        { from: "smoother", to: "store", interfaces: ["wasi:keyvalue/store", "wasi:keyvalue/atomics"] },
      ],
    });
    await using sink = await connectMqtt(`mqtt://127.0.0.1:${port}`, { username: "reader", password: OUT });
    await sink.client.subscribeAsync("#", { qos: 1 });
    await using sensor = await connectMqtt(broker.url);
    let sent = 0;
    const send = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i += 1) {
        sent += 1;
        const reading = JSON.stringify({ sensor: "boiler", seq: sent, value: 50 });
        await sensor.client.publishAsync("sensors/boiler", reading, { qos: 1 });
      }
    };
    const arrived = (): Set<number> =>
      new Set(sink.received.all.map(({ payload }) => (JSON.parse(payload.toString()) as { seq: number }).seq));
    const startsOf = (id: string): number =>
      agent.output().match(new RegExp(`"provider":"${id}".*"msg":"Provider started"`, "g"))?.length ?? 0;

    // The subscription is at the broker, with a session, once the first reading has come through.
    await waitFor("the first reading", async () => {
      await send(1);
      return arrived().size > 0;
    });
    const before = sent;
    await send(20);
    broker.rotate(SECOND);
    await send(20);
    await waitFor("a log-in with the old password", () => broker.refused.includes(FIRST));
    await put(box, "broker", SECOND);
    await send(20);
    await waitFor("every reading", () =>
      Array.from({ length: 60 }, (_, i) => before + 1 + i).every((seq) => arrived().has(seq)),
    );

    expect([startsOf("in"), startsOf("out"), startsOf("store")]).toEqual([2, 1, 1]);
    expect(agent.output()).toContain('"msg":"A secret has another value"');
    const { providers, components } = await agent.status();
    expect(providers.map(({ id, state }) => [id, state])).toEqual([
      ["in", "running"],
      ["out", "running"],
      ["store", "running"],
    ]);
    expect(components[0]?.restarts).toBe(0);
    expectNoMarker(await everything(agent));
  });

  test("a secret that is not there keeps its provider from starting until it is; a wrong mode is said", async ({
    expect,
  }) => {
    await using folder = await tempFolder();
    const box = join(folder.path, "secrets");
    await mkdir(box, { mode: 0o700 });
    await writeFile(join(box, "open"), OUT, { mode: 0o644 });
    const user = (secret: string) => ({
      type: "mqtt",
      config: { broker: { listen: "127.0.0.1:0", users: [{ username: "u", password: { secret } }] } },
    });
    await using agent = await startAgent(
      {
        secrets: {
          default: "box",
          backends: { box: { type: "files", folder: box, refresh: "100ms" }, unit: { type: "systemd" } },
        },
        providers: {
          late: user("late"),
          open: user("open"),
          unit: {
            type: "mqtt",
            config: {
              broker: {
                listen: "127.0.0.1:0",
                users: [{ username: "u", password: { secret: "of-unit", backend: "unit" } }],
              },
            },
          },
        },
      },
      { env: { CREDENTIALS_DIRECTORY: box } },
    );
    const state = async (id: string) => (await agent.status()).providers.find((one) => one.id === id);
    expect(await state("late")).toMatchObject({ state: "failed", lastError: { code: "ERR_SECRET_NOT_FOUND" } });
    expect(await state("open")).toMatchObject({ state: "failed", lastError: { code: "ERR_SECRET_DENIED" } });
    expect((await state("unit"))?.lastError?.code).toBe("ERR_SECRET_NOT_FOUND");
    await put(box, "late", FIRST);
    await put(box, "of-unit", SECOND);
    await waitFor("both to start", async () =>
      (await Promise.all(["late", "unit"].map(state))).every((one) => one?.state === "running"),
    );
    expect((await state("open"))?.state).toBe("failed");
    expectNoMarker(await everything(agent));
  });
});
