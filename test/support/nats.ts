import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { findNatsServer } from "../../src/adapters/leaf/find-server.ts";
import { spawnProcess, type TestProcess } from "./processes.ts";
import { skipping } from "./skip.ts";
import { waitFor } from "./wait-for.ts";

export interface NatsOptions {
  readonly jetstream?: boolean;
  readonly domain?: string;
  /** Accept leaf nodes on a port of their own. */
  readonly leafnodes?: boolean;
  /** Further configuration in the server's own syntax. */
  readonly config?: string;
  /** Leaf nodes are told to connect here; without it, one that came through a proxy soon goes around it. */
  readonly leafPortAdvertised?: number;
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
  skipping(skip !== undefined, "the tests with the oldest supported nats-server", skip ?? "");
  return [
    { name: "current", binary: await testNatsBinary(), skip: undefined },
    { name: "floor", binary: floor ?? "nats-server", skip },
  ];
}

interface Ports {
  readonly client: number;
  readonly monitor: number;
  readonly leaf: number;
}

/** Lets the server choose. */
const ANY = -1;

/** Starts a real nats-server on free loopback ports and resolves when it accepts clients. */
export async function startNats(options: NatsOptions = {}): Promise<TestNats> {
  const binary = options.binary ?? (await testNatsBinary());
  const folder = await mkdtemp(join(tmpdir(), "petiole-nats-"));
  const configFile = join(folder, "nats.conf");
  const storeDir = options.storeDir ?? join(folder, "js");

  /** The server picks its ports at first, so that no other test can take them, and keeps them when it starts again. */
  async function launch(wanted: Ports): Promise<{ readonly server: TestProcess; readonly ports: Ports }> {
    await writeFile(configFile, render({ ...options, storeDir, folder, ports: wanted }));
    const server = await spawnProcess(binary, ["-c", configFile]);
    try {
      const ports = await waitFor("nats-server to be ready", async () => {
        // Only a wrong test meets this: there is nothing to wait for any more.
        if (server.child.exitCode !== null) return null;
        const found = await readPorts(join(folder, `${basename(binary)}_${server.pid}.ports`));
        const ask = (path: string): Promise<Response> =>
          fetch(`http://127.0.0.1:${found.monitor}/${path}`, { signal: AbortSignal.timeout(1000) });
        if (!(await ask("healthz")).ok) return undefined;
        if (options.leafnodes !== true) return found;
        // The ports file does not tell this one.
        const { leaf } = (await (await ask("varz")).json()) as { readonly leaf: { readonly port: number } };
        return leaf.port > 0 ? { ...found, leaf: leaf.port } : undefined;
      });
      if (ports === null) throw new Error(`nats-server ended:\n${server.output()}`);
      return { server, ports };
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  let server: TestProcess;
  let ports: Ports;
  try {
    ({ server, ports } = await launch({ client: options.port ?? ANY, monitor: ANY, leaf: ANY }));
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
  const version = await readVersion(ports.monitor);

  async function kill(signal: "SIGKILL" | "SIGTERM" = "SIGKILL"): Promise<void> {
    server.signal("SIGCONT");
    server.signal(signal);
    await server.exited;
  }

  return {
    url: `nats://127.0.0.1:${ports.client}`,
    port: ports.client,
    monitorPort: ports.monitor,
    leafUrl: `nats-leaf://127.0.0.1:${ports.leaf}`,
    leafPort: ports.leaf,
    version,
    get pid() {
      return server.pid;
    },
    kill,
    restart: async () => {
      await kill();
      ({ server } = await launch(ports));
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
  readonly folder: string;
  readonly ports: Ports;
}

function render({ ports, folder, ...options }: Rendered): string {
  const domain = options.domain === undefined ? "" : `domain: ${options.domain}`;
  const { leafPortAdvertised } = options;
  const advertise = leafPortAdvertised === undefined ? "" : `advertise: "127.0.0.1:${leafPortAdvertised}"`;
  return [
    `listen: "127.0.0.1:${ports.client}"`,
    `http: "127.0.0.1:${ports.monitor}"`,
    `ports_file_dir: ${JSON.stringify(folder)}`,
    options.jetstream === true ? `jetstream { store_dir: ${JSON.stringify(options.storeDir)}\n ${domain} }` : "",
    options.leafnodes === true
      ? `leafnodes { listen: "127.0.0.1:${ports.leaf}"\n ${advertise}\n ${options.leafConfig ?? ""} }`
      : "",
    options.config ?? "",
  ].join("\n");
}

/** Reads the file in which the server reports its ports; rejects while it is not there or not complete. */
async function readPorts(file: string): Promise<Ports> {
  const found = JSON.parse(await readFile(file, "utf8")) as Record<string, readonly string[] | undefined>;
  const port = (kind: string): number => Number(/:(\d+)$/.exec(found[kind]?.[0] ?? "")?.[1] ?? ANY);
  return { client: port("nats"), monitor: port("monitoring"), leaf: ANY };
}

/** From the monitoring: a client port that begins with TLS greets nobody. */
async function readVersion(monitorPort: number): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${monitorPort}/varz`);
  return ((await answer.json()) as { readonly version: string }).version;
}
