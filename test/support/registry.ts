// A real registry: Debian's docker-registry, or the same program from elsewhere.

import { execFile } from "node:child_process";
import { access, chmod, constants, mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { promisify } from "node:util";
import { freePort } from "./ports.ts";
import { spawnProcess, type TestProcess } from "./processes.ts";
import { skipping } from "./skip.ts";
import { waitFor } from "./wait-for.ts";

const run = promisify(execFile);
const CACHE = resolve(import.meta.dirname, "..", "..", "node_modules", ".cache", "petiole", "docker-registry");
const NAMES = ["docker-registry", "registry"];

/**
 * The registry that tests use: `PETIOLE_TEST_REGISTRY` names it, or it is in `PATH`, or Debian's package is fetched once.
 * Undefined, with the reason printed, when there is none.
 */
export async function testRegistryBinary(): Promise<string | undefined> {
  const named = process.env["PETIOLE_TEST_REGISTRY"];
  if (named !== undefined && named !== "") return named;
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  const places = folders.flatMap((folder) => NAMES.map((name) => join(folder, name)));
  for (const place of [...places, CACHE]) if (await isProgram(place)) return place;
  const reason = await fetchPackage().then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error.message.split("\n", 1)[0] : String(error)),
  );
  if (reason === undefined) return CACHE;
  skipping(true, "the tests with a registry", `PETIOLE_TEST_REGISTRY names none, and apt-get brings none: ${reason}`);
  return undefined;
}

const isProgram = (path: string): Promise<boolean> =>
  access(path, constants.X_OK).then(
    () => true,
    () => false,
  );

/** Debian's package, unpacked and not installed: nothing of it starts. */
async function fetchPackage(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "petiole-registry-"));
  try {
    // apt downloads as a user of its own.
    await chmod(folder, 0o777);
    await run("apt-get", ["download", "-qq", "docker-registry"], { cwd: folder, timeout: 60_000 });
    const file = (await readdir(folder)).find((name) => name.endsWith(".deb"));
    if (file === undefined) throw new Error("apt-get downloaded nothing");
    await run("dpkg-deb", ["-x", file, "."], { cwd: folder });
    await mkdir(join(CACHE, ".."), { recursive: true });
    await run("cp", [join(folder, "usr", "bin", "docker-registry"), `${CACHE}.${process.pid}`]);
    await rename(`${CACHE}.${process.pid}`, CACHE);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export interface RegistryOptions {
  readonly binary: string;
  /** Further configuration, in the registry's YAML (which takes JSON). */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly tls?: { readonly cert: string; readonly key: string };
}

export interface TestRegistry extends AsyncDisposable {
  /** `127.0.0.1:port`. */
  readonly host: string;
  readonly port: number;
  stop(): Promise<void>;
  start(): Promise<void>;
  output(): string;
}

/** Starts a registry on a free loopback port, which it keeps over `stop` and `start`, as its content. */
export async function startRegistry({ binary, config, tls }: RegistryOptions): Promise<TestRegistry> {
  const folder = await mkdtemp(join(tmpdir(), "petiole-registry-"));
  const port = await freePort();
  const host = `127.0.0.1:${port}`;
  const file = join(folder, "config.json");
  const http = { addr: host, ...(tls === undefined ? {} : { tls: { certificate: tls.cert, key: tls.key } }) };
  await writeFile(
    file,
    JSON.stringify({
      version: 0.1,
      log: { level: "warn" },
      storage: { filesystem: { rootdirectory: join(folder, "data") }, delete: { enabled: true } },
      http,
      ...config,
    }),
  );

  async function launch(): Promise<TestProcess> {
    const server = await spawnProcess(binary, ["serve", file], { env: { PATH: process.env["PATH"] } });
    await waitFor("the registry to listen", async () => {
      if (server.child.exitCode !== null) return true;
      const { connect } = await import("node:net");
      const socket = connect(port, "127.0.0.1");
      return await new Promise<boolean>((settle) => {
        socket.once("connect", () => settle(true));
        socket.once("error", () => settle(false));
      }).finally(() => socket.destroy());
    });
    if (server.child.exitCode !== null) throw new Error(`the registry ended:\n${server.output()}`);
    return server;
  }

  let server = await launch();
  return {
    host,
    port,
    stop: async () => await server[Symbol.asyncDispose](),
    start: async () => {
      server = await launch();
    },
    output: () => server.output(),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
