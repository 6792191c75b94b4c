// nats-server, built with Go from its sources: the version is pinned here, what it is built of by Go's database of digests.

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { isAtLeast, parseServerVersion, type ServerVersion } from "../src/adapters/leaf/server-version.ts";

const run = promisify(execFile);

/** What is built, and the release of Go that its go.mod asks for. */
export const PINNED = {
  module: "github.com/nats-io/nats-server/v2",
  version: "2.14.9",
  /** Of its files, as go.sum has it. */
  sum: "h1:5qySxqT44SAUIHkjGC6o9t+PnrWmxqdjER0FMTt7rkA=",
  go: [1, 26, 0],
} as const;

/** As Go names them. */
const ARCHITECTURES = { x64: "amd64", arm64: "arm64" } as const;
export type ServerArch = keyof typeof ARCHITECTURES;

const LIMIT_MS = 15 * 60_000;

export interface BuildServerOptions {
  /** Empty; it is used up. */
  readonly folder: string;
  readonly arch: ServerArch;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly progress: (line: string) => void;
}

/**
 * The path of the program. The same Go gives the same bytes: no path of this machine is inside, and no symbols.
 * @throws Error when there is no Go, or an older one
 */
export async function buildNatsServer({ folder, arch, env, progress }: BuildServerOptions): Promise<string> {
  const inherited = { ...env, GOTOOLCHAIN: "local" };
  const { stdout } = await run("go", ["env", "GOVERSION", "GOMODCACHE"], { env: inherited });
  const [release = "", modules = ""] = stdout.trim().split("\n");
  const found = parseGoRelease(release);
  const [major, minor, patch] = PINNED.go;
  if (found === undefined || !isAtLeast(found, { major, minor, patch })) {
    throw new Error(`found ${release}, want go${PINNED.go.join(".")} or later`);
  }
  progress(`building ${PINNED.version} with ${release}, this takes about a minute`);
  // Go puts a program for another machine nowhere but below GOPATH.
  const own = { GOPATH: folder, GOMODCACHE: modules, GOBIN: "", GOOS: "linux", GOARCH: ARCHITECTURES[arch] };
  const args = ["install", "-trimpath", "-ldflags=-s -w", `${PINNED.module}@v${PINNED.version}`];
  await run("go", args, { env: { ...inherited, ...own, CGO_ENABLED: "0", GOFLAGS: "" }, timeout: LIMIT_MS });
  return join(folder, "bin", ...(arch === process.arch ? [] : [`linux_${ARCHITECTURES[arch]}`]), "nats-server");
}

/** "go1.26" and "go1.26.8". */
const parseGoRelease = (text: string): ServerVersion | undefined =>
  parseServerVersion(text.replace(/^go/, "").replace(/^(\d+\.\d+)$/, "$1.0"));
