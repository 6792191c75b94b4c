import { execFile } from "node:child_process";
import { access, constants, readdir } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { PetioleError } from "../../domain/errors.ts";
import { FLOOR, formatServerVersion, isAtLeast, parseServerVersion, type ServerVersion } from "./server-version.ts";
import { reasonOf } from "../../lib/reason.ts";

const run = promisify(execFile);
const PROBE_LIMIT_MS = 10_000;

export type Environment = Readonly<Record<string, string | undefined>>;

export interface NatsServerBinary {
  readonly path: string;
  readonly version: ServerVersion;
  readonly source: "configured" | "environment" | "path" | "package" | "inside" | "cache";
}

/** Where petiole's Debian package has one. */
export const PACKAGED_SERVER = "/usr/lib/petiole/nats-server";

export interface FindOptions {
  /** `PATH`, `HOME`, `XDG_CACHE_HOME` and `PETIOLE_NATS_SERVER` are read from it. */
  readonly env: Environment;
  /** A path from the configuration. When given, it is the only candidate. */
  readonly configured?: string | undefined;
  /** Unpacks the one that petiole carries, if it carries one, and gives its path. */
  readonly unpack?: (() => Promise<string>) | undefined;
}

export interface FindResult {
  readonly server: NatsServerBinary | undefined;
  /** One line for each candidate that was refused, and why. */
  readonly refused: readonly string[];
}

/** Where `npm run setup:nats` keeps servers: one folder for each version. */
export function serverCacheFolder(env: Environment): string {
  const base = env["XDG_CACHE_HOME"] ?? join(env["HOME"] ?? homedir(), ".cache");
  return join(base, "petiole", "nats-server");
}

/**
 * Asks a binary for its version.
 * @throws PetioleError ERR_LEAF_SERVER when it does not run, is no nats-server, or is older than the floor
 */
export async function probeServer(path: string): Promise<ServerVersion> {
  let output: string;
  try {
    output = (await run(path, ["--version"], { timeout: PROBE_LIMIT_MS, encoding: "utf8" })).stdout;
  } catch (cause) {
    const found = firstLine(reasonOf(cause));
    throw new PetioleError("ERR_LEAF_SERVER", `Cannot run "${path}": ${found}`, { cause });
  }
  const version = output.includes("nats-server") ? parseServerVersion(output.trim()) : undefined;
  if (version === undefined) {
    throw new PetioleError(
      "ERR_LEAF_SERVER",
      `Cannot use "${path}": found no nats-server, it said "${firstLine(output)}"`,
    );
  }
  if (!isAtLeast(version, FLOOR)) {
    const wanted = formatServerVersion(FLOOR);
    throw new PetioleError(
      "ERR_LEAF_SERVER",
      `Cannot use "${path}": found nats-server ${formatServerVersion(version)}, want ${wanted} or later`,
    );
  }
  return version;
}

/** Looks for a usable nats-server; never throws for an unusable one, but says why it was refused. */
export async function searchNatsServer(options: FindOptions): Promise<FindResult> {
  const refused: string[] = [];
  for await (const candidate of candidates(options)) {
    try {
      const path = typeof candidate.path === "string" ? candidate.path : await candidate.path();
      return { server: { path, source: candidate.source, version: await probeServer(path) }, refused };
    } catch (error) {
      refused.push(reasonOf(error));
    }
  }
  return { server: undefined, refused };
}

/**
 * The nats-server to use: the configured one, else `$PETIOLE_NATS_SERVER`, else the first usable on PATH, else the
 * one of petiole's package, else the one inside petiole, else the newest in petiole's cache.
 * @throws PetioleError ERR_LEAF_SERVER naming what was tried
 */
export async function findNatsServer(options: FindOptions): Promise<NatsServerBinary> {
  const { server, refused } = await searchNatsServer(options);
  if (server !== undefined) return server;
  const tried = refused.length > 0 ? `\n${refused.map((line) => `  ${line}`).join("\n")}` : "";
  throw new PetioleError(
    "ERR_LEAF_SERVER",
    `Cannot find a nats-server: looked at the configuration, PETIOLE_NATS_SERVER, PATH, ` +
      `"${PACKAGED_SERVER}" and "${serverCacheFolder(options.env)}"${tried}`,
  );
}

interface Candidate {
  readonly path: string | (() => Promise<string>);
  readonly source: NatsServerBinary["source"];
}

async function* candidates(options: FindOptions): AsyncGenerator<Candidate> {
  if (options.configured !== undefined) {
    yield { path: options.configured, source: "configured" };
    return;
  }
  const named = options.env["PETIOLE_NATS_SERVER"];
  if (named !== undefined && named !== "") {
    yield { path: named, source: "environment" };
    return;
  }
  for (const folder of (options.env["PATH"] ?? "").split(delimiter)) {
    const path = join(folder, "nats-server");
    if (folder !== "" && (await isExecutable(path))) yield { path, source: "path" };
  }
  if (await isExecutable(PACKAGED_SERVER)) yield { path: PACKAGED_SERVER, source: "package" };
  if (options.unpack !== undefined) yield { path: options.unpack, source: "inside" };
  for (const version of await cachedVersions(serverCacheFolder(options.env))) {
    const path = join(serverCacheFolder(options.env), version, "nats-server");
    if (await isExecutable(path)) yield { path, source: "cache" };
  }
}

/** Version folders of the cache, newest first. */
async function cachedVersions(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((): string[] => []);
  const parsed = names.flatMap((name) => {
    const version = parseServerVersion(name);
    return version === undefined ? [] : [{ name, version }];
  });
  return parsed.sort((a, b) => (isAtLeast(a.version, b.version) ? -1 : 1)).map(({ name }) => name);
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

function firstLine(text: string): string {
  return text.trim().split("\n", 1)[0] ?? "";
}
