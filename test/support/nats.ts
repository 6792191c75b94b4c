import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect as connectSocket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findNatsServer } from "../../src/adapters/leaf/find-server.ts";
import { freePort } from "./ports.ts";
import { spawnProcess, type TestProcess } from "./processes.ts";
import { waitFor } from "./wait-for.ts";

export interface NatsOptions {
  readonly jetstream?: boolean;
  readonly domain?: string;
  /** Accept leaf nodes on a port of their own. */
  readonly leafnodes?: boolean;
  /** Further configuration in the server's own syntax. */
  readonly config?: string;
  /** Further lines inside the `leafnodes` block. */
  readonly leafConfig?: string;
  readonly binary?: string;
  /** Kept after disposal when given. */
  readonly storeDir?: string;
  readonly port?: number;
}

export interface TestNats extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly monitorPort: number;
  readonly leafUrl: string;
  readonly leafPort: number;
  readonly version: string;
  readonly pid: number;
  /** Ends the server and waits until it is gone. */
  kill(signal?: "SIGKILL" | "SIGTERM"): Promise<void>;
  /** Starts it again, after killing it if it still runs, on the same ports and store. */
  restart(): Promise<void>;
  /** Stops the process without closing its connections: the peer of a half-open link. */
  freeze(): void;
  thaw(): void;
  output(): string;
}

/** The nats-server that tests use; `npm run setup:nats` provides one. */
export async function testNatsBinary(): Promise<string> {
  return (await findNatsServer({ env: process.env })).path;
}

export interface TestedServer {
  readonly name: string;
  readonly binary: string;
  /** Why tests with it are skipped; undefined when they run. */
  readonly skip: string | undefined;
}

/**
 * The servers that tests of the protocol run against: the usual one, and the oldest supported one when
 * `PETIOLE_TEST_NATS_FLOOR` names it. When it does not, that is printed and its tests count as skipped.
 */
export async function serverVersions(): Promise<TestedServer[]> {
  const floor = process.env["PETIOLE_TEST_NATS_FLOOR"];
  const skip = floor === undefined ? "PETIOLE_TEST_NATS_FLOOR names no nats-server 2.9.10" : undefined;
  if (skip !== undefined) process.stderr.write(`Skipping the oldest supported nats-server: ${skip}\n`);
  return [
    { name: "current", binary: await testNatsBinary(), skip: undefined },
    { name: "floor", binary: floor ?? "nats-server", skip },
  ];
}

/** Starts a real nats-server on free loopback ports and resolves when it accepts clients. */
export async function startNats(options: NatsOptions = {}): Promise<TestNats> {
  const binary = options.binary ?? (await testNatsBinary());
  const folder = await mkdtemp(join(tmpdir(), "petiole-nats-"));
  const port = options.port ?? (await freePort());
  const [monitorPort, leafPort] = [await freePort(), await freePort()];
  const configFile = join(folder, "nats.conf");
  const storeDir = options.storeDir ?? join(folder, "js");
  await writeFile(configFile, render({ ...options, port, monitorPort, leafPort, storeDir }));

  let server: TestProcess = await launch();
  const info = await readInfo(port);

  async function launch(): Promise<TestProcess> {
    const started = await spawnProcess(binary, ["-c", configFile]);
    try {
      await waitFor(`nats-server on port ${port}`, async () => {
        if (started.child.exitCode !== null) return true;
        const response = await fetch(`http://127.0.0.1:${monitorPort}/healthz`, { signal: AbortSignal.timeout(1000) });
        return response.ok;
      });
      if (started.child.exitCode !== null) throw new Error(`nats-server ended:\n${started.output()}`);
      return started;
    } catch (error) {
      await started[Symbol.asyncDispose]();
      throw error;
    }
  }

  async function kill(signal: "SIGKILL" | "SIGTERM" = "SIGKILL"): Promise<void> {
    server.signal("SIGCONT");
    server.signal(signal);
    await server.exited;
  }

  return {
    url: `nats://127.0.0.1:${port}`,
    port,
    monitorPort,
    leafUrl: `nats-leaf://127.0.0.1:${leafPort}`,
    leafPort,
    version: info.version,
    get pid() {
      return server.pid;
    },
    kill,
    restart: async () => {
      await kill();
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

interface Rendered extends NatsOptions {
  readonly monitorPort: number;
  readonly leafPort: number;
}

function render(options: Rendered): string {
  const domain = options.domain === undefined ? "" : `domain: ${options.domain}`;
  return [
    `listen: 127.0.0.1:${options.port}`,
    `http: 127.0.0.1:${options.monitorPort}`,
    options.jetstream === true ? `jetstream { store_dir: ${JSON.stringify(options.storeDir)}\n ${domain} }` : "",
    options.leafnodes === true
      ? `leafnodes { listen: 127.0.0.1:${options.leafPort}\n ${options.leafConfig ?? ""} }`
      : "",
    options.config ?? "",
  ].join("\n");
}

/** The INFO line that the server greets a client with. */
async function readInfo(port: number): Promise<{ readonly version: string }> {
  const socket = connectSocket(port, "127.0.0.1");
  try {
    for await (const chunk of socket) {
      const match = /^INFO (\{.*\})/.exec(String(chunk));
      if (match?.[1] !== undefined) return JSON.parse(match[1]) as { version: string };
    }
  } finally {
    socket.destroy();
  }
  throw new Error(`port ${port} sent no INFO`);
}
