import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { PetioleError } from "../src/domain/errors.ts";
import {
  probeServer,
  searchNatsServer,
  serverCacheFolder,
  type Environment,
  type NatsServerBinary,
} from "../src/adapters/leaf/find-server.ts";
import { formatServerVersion } from "../src/adapters/leaf/server-version.ts";
import { buildNatsServer, findGo } from "./build-nats-server.ts";

const run = promisify(execFile);

/** Official release archive; the digests are those that the official container images pin. */
const RELEASE = {
  version: "2.10.29",
  sha256: {
    x64: "e314da74a83a1d3876db8814c27eb990fe729640fd6452025b441bcede8390da",
    arm64: "da4b27942ecfb4c5f0c54553d2e7f470ddda9d7581cfe8131b351a0e223ed401",
  },
} as const;

const DOWNLOAD_LIMIT_MS = 5 * 60_000;

export interface ObtainOptions {
  readonly env: Environment;
  /** Told what happens, one line each. */
  readonly progress: (line: string) => void;
}

interface Way {
  readonly name: string;
  /** Puts a binary into `folder` and returns its path. Throws with the reason when this way is not open. */
  readonly fetch: (folder: string, options: ObtainOptions) => Promise<string>;
}

const WAYS: readonly Way[] = [
  { name: "build with Go", fetch: buildWithGo },
  { name: "official release archive", fetch: downloadRelease },
  { name: "Debian package", fetch: unpackDebianPackage },
];

/**
 * Finds a nats-server, or puts one into petiole's cache.
 * @throws PetioleError ERR_LEAF_SERVER naming every way that was tried and why it failed
 */
export async function obtainNatsServer(options: ObtainOptions): Promise<NatsServerBinary> {
  const { server, refused } = await searchNatsServer({ env: options.env });
  if (server !== undefined) return server;
  // A binary that was named on purpose is never replaced by another one behind the user's back.
  if (options.env["PETIOLE_NATS_SERVER"]) throw failure(refused);
  const cache = serverCacheFolder(options.env);
  await mkdir(cache, { recursive: true });
  const reasons = [...refused];
  for (const way of WAYS) {
    const folder = await mkdtemp(join(cache, "fetch-"));
    try {
      options.progress(`nats-server: trying the ${way.name}`);
      return await keep(await way.fetch(folder, options), cache);
    } catch (error) {
      const reason = `${way.name}: ${firstLines(error)}`;
      options.progress(`nats-server: ${reason}`);
      reasons.push(reason);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  throw failure(reasons);
}

function failure(reasons: readonly string[]): PetioleError {
  return new PetioleError(
    "ERR_LEAF_SERVER",
    `Cannot obtain a nats-server; install one, or name it in PETIOLE_NATS_SERVER. Tried:\n` +
      reasons.map((reason) => `  ${reason}`).join("\n"),
  );
}

/** Moves a fetched binary to its place in the cache, in one step, so that a second run never sees half a file. */
async function keep(path: string, cache: string): Promise<NatsServerBinary> {
  await chmod(path, 0o755);
  const version = await probeServer(path);
  const folder = join(cache, formatServerVersion(version));
  await mkdir(folder, { recursive: true });
  const target = join(folder, "nats-server");
  await rename(path, target);
  return { path: target, version, source: "cache" };
}

async function buildWithGo(folder: string, { env, progress }: ObtainOptions): Promise<string> {
  const { arch } = process;
  if (arch !== "x64" && arch !== "arm64") throw new Error(`nobody has tried it on ${arch}`);
  const go = await findGo(env);
  return await buildNatsServer({ go, folder, arch, env, progress: (line) => progress(`nats-server: ${line}`) });
}

async function downloadRelease(folder: string, { progress }: ObtainOptions): Promise<string> {
  const { arch } = process;
  if (arch !== "x64" && arch !== "arm64") throw new Error(`no digest is known for ${arch}`);
  const name = `nats-server-v${RELEASE.version}-linux-${arch === "x64" ? "amd64" : "arm64"}`;
  const url = `https://github.com/nats-io/nats-server/releases/download/v${RELEASE.version}/${name}.tar.gz`;
  progress(`nats-server: downloading ${url}`);
  const response = await fetch(url, { signal: AbortSignal.timeout(DOWNLOAD_LIMIT_MS) });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  const archive = new Uint8Array(await response.arrayBuffer());
  const digest = createHash("sha256").update(archive).digest("hex");
  if (digest !== RELEASE.sha256[arch]) {
    throw new Error(`the archive has sha256 ${digest}, want ${RELEASE.sha256[arch]}`);
  }
  await writeFile(join(folder, "release.tar.gz"), archive);
  await run("tar", ["-xzf", "release.tar.gz", `${name}/nats-server`], { cwd: folder });
  return join(folder, name, "nats-server");
}

async function unpackDebianPackage(folder: string, { env }: ObtainOptions): Promise<string> {
  // Neither step needs root: the package is only unpacked, its scripts never run.
  await run("apt-get", ["download", "nats-server"], { cwd: folder, env: { ...env }, timeout: DOWNLOAD_LIMIT_MS });
  const archive = (await readdir(folder)).find((name) => name.endsWith(".deb"));
  if (archive === undefined) throw new Error("apt-get downloaded no package");
  await run("dpkg-deb", ["-x", archive, "unpacked"], { cwd: folder });
  for (const bin of ["usr/sbin", "usr/bin"]) {
    const path = join(folder, "unpacked", bin, "nats-server");
    if (
      await probeServer(path).then(
        () => true,
        () => false,
      )
    )
      return path;
  }
  throw new Error(`${archive} holds no usable nats-server`);
}

/** The useful part of an error of a child process or of fetch. */
function firstLines(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const stderr = "stderr" in error && typeof error.stderr === "string" ? error.stderr.trim() : "";
  const cause = error.cause instanceof Error ? ` (${error.cause.message})` : "";
  const text = stderr === "" ? `${error.message}${cause}` : stderr;
  return text.split("\n").slice(-3).join(" | ");
}
