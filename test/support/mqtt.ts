import { accessSync, constants } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect as connectSocket } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { connect, type IClientOptions, type IPublishPacket, type MqttClient } from "mqtt";
import { createMailbox, type Mailbox } from "./mailbox.ts";
import { freePort } from "./ports.ts";
import { spawnProcess, type TestProcess } from "./processes.ts";
import { waitFor } from "./wait-for.ts";

/** Path of a program such as mosquitto, or undefined where it is not installed. */
export function findProgram(name: string): string | undefined {
  // Debian keeps servers outside of a user's path.
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"];
  return folders
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

export interface TestBroker extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  kill(): Promise<void>;
  /** Starts it again on the same port, with the sessions that it stored when it was asked to end. */
  restart(): Promise<void>;
  freeze(): void;
  thaw(): void;
  output(): string;
}

/** Starts mosquitto on a free loopback port and resolves when it accepts clients. */
export async function startMosquitto(binary: string, config: readonly string[] = []): Promise<TestBroker> {
  const folder = await mkdtemp(join(tmpdir(), "petiole-mosquitto-"));
  const port = await freePort();
  const file = join(folder, "mosquitto.conf");
  const lines = [
    `listener ${port} 127.0.0.1`,
    "allow_anonymous true",
    "persistence true",
    `persistence_location ${folder}/`,
    ...(process.getuid?.() === 0 ? ["user root"] : []),
    ...config,
  ];
  await writeFile(file, `${lines.join("\n")}\n`);
  let server = await launch();

  async function launch(): Promise<TestProcess> {
    const started = await spawnProcess(binary, ["-c", file]);
    try {
      await waitFor(`mosquitto on port ${port}`, async () => {
        if (started.child.exitCode !== null) return true;
        return await accepts(port);
      });
      if (started.child.exitCode !== null) throw new Error(`mosquitto ended:\n${started.output()}`);
      return started;
    } catch (error) {
      await started[Symbol.asyncDispose]();
      throw error;
    }
  }

  async function stop(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    server.signal(signal);
    await server.exited;
  }

  return {
    url: `mqtt://127.0.0.1:${port}`,
    port,
    kill: async () => await stop("SIGKILL"),
    restart: async () => {
      await stop("SIGTERM");
      server = await launch();
    },
    freeze: () => server.signal("SIGSTOP"),
    thaw: () => server.signal("SIGCONT"),
    output: () => server.output(),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function accepts(port: number): Promise<boolean> {
  const socket = connectSocket(port, "127.0.0.1");
  try {
    return await new Promise((resolve) => {
      socket.once("connect", () => resolve(true));
      socket.once("error", () => resolve(false));
    });
  } finally {
    socket.destroy();
  }
}

/** A client of the test's own, such as a sensor, with what arrived at it. */
export interface TestClient extends AsyncDisposable {
  readonly client: MqttClient;
  readonly received: Mailbox<IPublishPacket>;
}

/** Connects once; a lost connection is not renewed unless the options say so. */
export async function connectMqtt(url: string, options: IClientOptions = {}): Promise<TestClient> {
  const client = connect(url, { reconnectPeriod: 0, connectTimeout: 5000, ...options, manualConnect: true });
  const received = createMailbox<IPublishPacket>();
  // Before it connects: what waited in a session comes at once.
  client.on("message", (_topic, _payload, packet) => received.put(packet));
  const up = Promise.withResolvers<void>();
  client.once("connect", () => up.resolve());
  // Later on, cut connections are part of the tests.
  client.on("error", (error) => up.reject(error));
  client.once("close", () => up.reject(new Error("The broker closed the connection")));
  client.connect();
  try {
    await up.promise;
  } catch (error) {
    client.end(true);
    throw error;
  }
  return {
    client,
    received,
    [Symbol.asyncDispose]: async () => await client.endAsync(true),
  };
}
