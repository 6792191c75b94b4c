// A real Redis: Debian's package, or a program that takes the same configuration, such as valkey-server.

import { execFile } from "node:child_process";
import { chmod, copyFile, glob, mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { findProgram } from "./mqtt.ts";
import { freePort } from "./ports.ts";
import { spawnProcess, type TestProcess } from "./processes.ts";
import { skipping } from "./skip.ts";
import { waitFor } from "./wait-for.ts";

const run = promisify(execFile);
const CACHE = resolve(import.meta.dirname, "..", "..", "node_modules", ".cache", "petiole", "redis");
/** The program, and those of its libraries that a system without it does not have. */
const PACKAGES = ["redis-tools", "libjemalloc2", "liblzf1", "libatomic1"];

/**
 * The Redis that tests use: `PETIOLE_TEST_REDIS` names it, or it is in `PATH`, or Debian's package is fetched once.
 * Undefined, with the reason printed, when there is none.
 */
export async function testRedisBinary(): Promise<string | undefined> {
  const named = process.env["PETIOLE_TEST_REDIS"];
  if (named !== undefined && named !== "") return named;
  const installed = findProgram("redis-server") ?? findProgram("valkey-server");
  if (installed !== undefined) return installed;
  const cached = join(CACHE, "redis-server");
  if (await isFile(cached)) return cached;
  const reason = await fetchPackages().then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error.message.split("\n", 1)[0] : String(error)),
  );
  if (reason === undefined) return cached;
  skipping(true, "the tests with Redis", `PETIOLE_TEST_REDIS names none, and apt-get brings none: ${reason}`);
  return undefined;
}

const isFile = async (path: string): Promise<boolean> =>
  await stat(path).then(
    (found) => found.isFile(),
    () => false,
  );

/** Debian's packages, unpacked and not installed: nothing of them starts. */
async function fetchPackages(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "petiole-redis-"));
  try {
    // apt downloads as a user of its own.
    await chmod(folder, 0o777);
    await run("apt-get", ["download", "-qq", ...PACKAGES], { cwd: folder, timeout: 120_000 });
    for (const file of await readdir(folder)) {
      if (file.endsWith(".deb")) await run("dpkg-deb", ["-x", file, "."], { cwd: folder });
    }
    // Beside its place: a folder cannot be renamed from one file system to another.
    const ready = `${CACHE}.${process.pid}`;
    await mkdir(ready, { recursive: true });
    // One program under several names: what it does depends on its name.
    await copyFile(join(folder, "usr/bin/redis-check-rdb"), join(ready, "redis-server"));
    for await (const file of glob("usr/lib/*/*.so.*", { cwd: folder })) {
      await copyFile(join(folder, file), join(ready, basename(file)));
    }
    await rename(ready, CACHE).catch(async (error: unknown) => {
      await rm(ready, { recursive: true, force: true });
      // Another test was faster.
      if (!(await isFile(join(CACHE, "redis-server")))) throw error;
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export interface TestRedis extends AsyncDisposable {
  /** `127.0.0.1:port`. */
  readonly host: string;
  readonly port: number;
  /** Sends a command, without TLS, and resolves with the first line of the answer. */
  ask(...command: readonly string[]): Promise<string>;
  kill(): Promise<void>;
  /** Starts it again on the same port, with what it had stored. */
  start(): Promise<void>;
  freeze(): void;
  thaw(): void;
  output(): string;
}

export interface RedisOptions {
  readonly binary: string;
  /** Further lines of configuration. */
  readonly config?: readonly string[];
  readonly port?: number;
  /** Connections are TLS, with a certificate for `localhost`; there is no other port. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca: string };
}

/** Starts Redis on a free loopback port, which it keeps, as its data: each write is in a file when it is answered. */
export async function startRedis({ binary, config = [], tls, ...options }: RedisOptions): Promise<TestRedis> {
  const folder = await mkdtemp(join(tmpdir(), "petiole-redis-"));
  const port = options.port ?? (await freePort());
  const file = join(folder, "redis.conf");
  const lines = [
    "bind 127.0.0.1",
    tls === undefined ? `port ${port}` : `port 0\ntls-port ${port}`,
    ...(tls === undefined
      ? []
      : [`tls-cert-file ${tls.cert}`, `tls-key-file ${tls.key}`, `tls-ca-cert-file ${tls.ca}`]),
    `dir ${folder}`,
    'save ""',
    "appendonly yes",
    "appendfsync no",
    ...config,
  ];
  await writeFile(file, `${lines.join("\n")}\n`);

  async function launch(): Promise<TestProcess> {
    // Libraries that came with a fetched program are beside it.
    const env = { ...process.env, LD_LIBRARY_PATH: dirname(binary) };
    const started = await spawnProcess(binary, [file], { env });
    try {
      await waitFor(`Redis on port ${port}`, async () => {
        if (started.child.exitCode !== null) return true;
        return tls === undefined ? /^(\+PONG|-NOAUTH)/.test(await ask(port, ["PING"])) : await accepts(port);
      });
      if (started.child.exitCode !== null) throw new Error(`Redis ended:\n${started.output()}`);
      return started;
    } catch (error) {
      await started[Symbol.asyncDispose]();
      throw error;
    }
  }

  let server = await launch();
  return {
    host: `127.0.0.1:${port}`,
    port,
    ask: async (...command) => await ask(port, command),
    kill: async () => {
      server.signal("SIGKILL");
      await server.exited;
    },
    start: async () => {
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

async function ask(port: number, command: readonly string[]): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  try {
    const parts = command.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`);
    socket.write(`*${command.length}\r\n${parts.join("")}`);
    let answer = "";
    for await (const chunk of socket) {
      answer += String(chunk);
      if (answer.includes("\r\n")) break;
    }
    return answer.split("\r\n", 1)[0] ?? "";
  } finally {
    socket.destroy();
  }
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    return await new Promise((settle) => {
      socket.once("connect", () => settle(true));
      socket.once("error", () => settle(false));
    });
  } finally {
    socket.destroy();
  }
}
