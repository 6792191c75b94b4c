// A real PostgreSQL: one that is installed, or Debian's package.

import { execFile } from "node:child_process";
import {
  access,
  chmod,
  chown,
  constants,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { freePort } from "./ports.ts";
import { spawnProcess, type TestProcess } from "./processes.ts";
import { skipping } from "./skip.ts";
import { waitFor } from "./wait-for.ts";

const run = promisify(execFile);
const CACHE = resolve(import.meta.dirname, "..", "..", "node_modules", ".cache", "petiole", "postgresql");

/**
 * Folder of the programs `postgres` and `initdb` that tests use: `PETIOLE_TEST_POSTGRES` names it, or they are in `PATH` or
 * where Debian has them, or Debian's package is fetched once. Undefined, with the reason printed, when there is none.
 */
export async function testPostgresFolder(): Promise<string | undefined> {
  const named = process.env["PETIOLE_TEST_POSTGRES"];
  if (named !== undefined && named !== "") return named;
  const found = await findInstalled();
  if (found !== undefined) return found;
  const reason = await fetchPackage().then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error.message.split("\n", 1)[0] : String(error)),
  );
  if (reason === undefined) return await findIn(CACHE);
  skipping(true, "the tests with PostgreSQL", `PETIOLE_TEST_POSTGRES names none, and apt-get brings none: ${reason}`);
  return undefined;
}

async function findInstalled(): Promise<string | undefined> {
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    if (folder !== "" && (await isProgram(join(folder, "postgres"))) && (await isProgram(join(folder, "initdb")))) {
      return folder;
    }
  }
  return (await findIn("/")) ?? (await findIn(CACHE));
}

/** Debian has a folder for each version. */
async function findIn(root: string): Promise<string | undefined> {
  const versions = await readdir(join(root, "usr/lib/postgresql")).catch(() => []);
  for (const version of versions.sort((a, b) => Number(b) - Number(a))) {
    const folder = join(root, "usr/lib/postgresql", version, "bin");
    if (await isProgram(join(folder, "postgres"))) return folder;
  }
  return undefined;
}

const isProgram = (path: string): Promise<boolean> =>
  access(path, constants.X_OK).then(
    () => true,
    () => false,
  );

/** Unpacked and not installed: nothing of it starts, and it makes no user. */
async function fetchPackage(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "petiole-postgresql-"));
  try {
    // apt downloads as a user of its own.
    await chmod(folder, 0o777);
    const { stdout } = await run("apt-cache", ["depends", "postgresql"], { timeout: 60_000 });
    const server = /postgresql-\d+/.exec(stdout)?.[0];
    if (server === undefined) throw new Error("apt-cache knows no package of PostgreSQL");
    await run("apt-get", ["download", "-qq", server, "libpq5"], { cwd: folder, timeout: 120_000 });
    const unpacked = join(folder, "root");
    for (const name of await readdir(folder)) {
      if (name.endsWith(".deb")) await run("dpkg-deb", ["-x", join(folder, name), unpacked]);
    }
    // It needs further libraries, which may be there or not.
    const bin = await findIn(unpacked);
    if (bin === undefined) throw new Error("the package has no server");
    await run(join(bin, "postgres"), ["--version"], { env: libraries(unpacked) });
    await mkdir(dirname(CACHE), { recursive: true });
    await rm(CACHE, { recursive: true, force: true });
    await run("cp", ["-r", unpacked, `${CACHE}.${process.pid}`]);
    await rename(`${CACHE}.${process.pid}`, CACHE);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export interface PostgresOptions {
  /** As `testPostgresFolder` gives it. */
  readonly folder: string;
  /** Further lines of its configuration. */
  readonly config?: readonly string[];
  readonly tls?: { readonly cert: string; readonly key: string };
}

export interface TestPostgres extends AsyncDisposable {
  readonly port: number;
  readonly user: string;
  /** File with the user's password. */
  readonly passwordFile: string;
  /** Ends it without a goodbye. */
  kill(): Promise<void>;
  /** Starts it again, on the same port and data. */
  start(): Promise<void>;
  /** Stops the processes that serve sessions without closing these, and lets them go on. */
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  output(): string;
}

const USER = "petiole";
const PASSWORD = "secret of the test";

/** It refuses to run as root: then it runs as the user that Debian has for nobody. */
const NOBODY = 65_534;
const runAs = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};

/** Starts a server on a free loopback port, and resolves when it accepts sessions. */
export async function startPostgres(options: PostgresOptions): Promise<TestPostgres> {
  const base = await mkdtemp(join(tmpdir(), "petiole-postgres-"));
  await chmod(base, 0o755);
  const folder = join(base, "data");
  const passwordFile = join(base, "password");
  await writeFile(passwordFile, `${PASSWORD}\n`);
  await mkdir(folder, { mode: 0o700 });
  if (runAs.uid !== undefined) await chown(folder, NOBODY, NOBODY);
  const env = {
    PATH: process.env["PATH"],
    LC_ALL: "C",
    ...(options.folder.startsWith(CACHE) ? libraries(CACHE) : {}),
  };
  const port = await freePort();
  try {
    await run(
      join(options.folder, "initdb"),
      [
        "-D",
        folder,
        "-U",
        USER,
        "-A",
        "scram-sha-256",
        "--pwfile",
        passwordFile,
        "-E",
        "UTF8",
        "-N",
        "--no-instructions",
      ],
      { ...runAs, env, cwd: base },
    );
    await writeConfig();
  } catch (error) {
    await rm(base, { recursive: true, force: true });
    throw error;
  }

  async function writeConfig(): Promise<void> {
    const { tls } = options;
    const lines = [
      "listen_addresses = '127.0.0.1'",
      `port = ${port}`,
      "unix_socket_directories = ''",
      "fsync = off",
      "max_connections = 20",
      "shared_buffers = 4MB",
      "autovacuum = off",
      ...(tls === undefined ? [] : ["ssl = on", "ssl_cert_file = 'tls.crt'", "ssl_key_file = 'tls.key'"]),
      ...(options.config ?? []),
    ];
    const file = join(folder, "postgresql.conf");
    await writeFile(file, `${await readFile(file, "utf8")}\n${lines.join("\n")}\n`);
    if (tls === undefined) return;
    for (const [name, source] of [
      ["tls.crt", tls.cert],
      ["tls.key", tls.key],
    ] as const) {
      await writeFile(join(folder, name), await readFile(source), { mode: 0o600 });
      if (runAs.uid !== undefined) await chown(join(folder, name), NOBODY, NOBODY);
    }
  }

  async function launch(): Promise<TestProcess> {
    const server = await spawnProcess(join(options.folder, "postgres"), ["-D", folder], { env, cwd: base, ...runAs });
    try {
      await waitFor("PostgreSQL to accept sessions", () => {
        if (server.child.exitCode !== null) return true;
        return server.output().includes("ready to accept connections");
      });
      if (server.child.exitCode !== null) throw new Error(`postgres ended:\n${server.output()}`);
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Those of its children are in sessions of their own: they are told one by one. */
  async function signalAll(signal: NodeJS.Signals): Promise<void> {
    const path = `/proc/${server.pid}/task/${server.pid}/children`;
    const children = (await readFile(path, "utf8").catch(() => "")).split(" ").filter((pid) => pid !== "");
    for (const pid of [server.pid, ...children.map(Number)]) {
      try {
        process.kill(pid, signal);
      } catch {
        // It ended meanwhile.
      }
    }
  }

  let server: TestProcess;
  try {
    server = await launch();
  } catch (error) {
    await rm(base, { recursive: true, force: true });
    throw error;
  }

  /** All at once, as in a power cut. Without its parent a child ends by itself, which the next server waits for. */
  async function kill(): Promise<void> {
    await signalAll("SIGKILL");
    await server.exited;
    await rm(join(folder, "postmaster.pid"), { force: true });
  }

  return {
    port,
    user: USER,
    passwordFile,
    kill,
    start: async () => {
      server = await launch();
    },
    freeze: async () => await signalAll("SIGSTOP"),
    thaw: async () => await signalAll("SIGCONT"),
    output: () => server.output(),
    async [Symbol.asyncDispose]() {
      if (server.child.exitCode === null && server.child.signalCode === null) await kill();
      await rm(base, { recursive: true, force: true });
    },
  };
}

/** Of packages that are only unpacked. */
const libraries = (root: string): Record<string, string> => ({
  LD_LIBRARY_PATH: join(root, "usr/lib", process.arch === "arm64" ? "aarch64-linux-gnu" : "x86_64-linux-gnu"),
});
