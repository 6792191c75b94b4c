// nats-server, built with Go from its sources at a pinned version.

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { formatServerVersion, isAtLeast, parseServerVersion } from "../src/adapters/leaf/server-version.ts";
import { reasonOf } from "../src/lib/reason.ts";

const run = promisify(execFile);

/** What is built, and the oldest release of Go that its go.mod takes. */
export const PINNED = { module: "github.com/nats-io/nats-server/v2", version: "2.14.9" } as const;
const OLDEST_GO = { major: 1, minor: 26, patch: 0 } as const;

/** As Go names them. */
const ARCHITECTURES = { x64: "amd64", arm64: "arm64" } as const;
export type ServerArch = keyof typeof ARCHITECTURES;

const LIMIT_MS = 15 * 60_000;

/** There is no Go on this machine that builds it. */
export class NoGo extends Error {
  override readonly name = "NoGo";
}

export interface Go {
  /** Such as "1.26.8". */
  readonly release: string;
  /** Where it has what it fetches, and from where: of the settings of whoever uses this machine nothing else counts. */
  readonly settings: Readonly<Record<string, string>>;
}

/** @throws NoGo */
export async function findGo(env: Readonly<Record<string, string | undefined>>): Promise<Go> {
  const wanted = ["GOVERSION", "GOMODCACHE", "GOCACHE", "GOPROXY", "GONOPROXY", "GOSUMDB", "GONOSUMDB"];
  const settings = await run("go", ["env", "-json", ...wanted], { env: { ...env, GOTOOLCHAIN: "local" } }).then(
    ({ stdout }) => JSON.parse(stdout) as Readonly<Record<string, string>>, // `go help env` has its shape.
    (cause: unknown) => {
      throw new NoGo(`there is no Go: ${reasonOf(cause).split("\n", 1)[0]}`, { cause });
    },
  );
  const { GOVERSION = "", ...rest } = settings;
  const release = GOVERSION.replace(/^go/, "").replace(/^(\d+\.\d+)$/, "$1.0");
  const found = parseServerVersion(release);
  if (found !== undefined && isAtLeast(found, OLDEST_GO)) return { release, settings: rest };
  throw new NoGo(`found ${GOVERSION}, want go${formatServerVersion(OLDEST_GO)} or later`);
}

export interface BuildServerOptions {
  readonly go: Go;
  /** Empty; it is used up. */
  readonly folder: string;
  readonly arch: ServerArch;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly progress: (line: string) => void;
}

/**
 * The path of the program, for every processor of its kind. The same release of Go gives the same bytes: no path of this
 * machine is inside, and no symbols.
 * @throws Error with what Go says
 */
export async function buildNatsServer({ go, folder, arch, env, progress }: BuildServerOptions): Promise<string> {
  progress(`building ${PINNED.version} with go${go.release}, this takes about a minute`);
  const goarch = ARCHITECTURES[arch];
  const own = {
    ...go.settings,
    GOENV: "off",
    GOTOOLCHAIN: "local",
    // Go puts a program for another machine nowhere but below GOPATH.
    GOPATH: folder,
    GOBIN: "",
    GOFLAGS: "",
    GOOS: "linux",
    GOARCH: goarch,
    GOAMD64: "v1",
    GOARM64: "v8.0",
    GOEXPERIMENT: "",
    GOFIPS140: "off",
    CGO_ENABLED: "0",
  };
  const args = ["install", "-trimpath", "-ldflags=-s -w", `${PINNED.module}@v${PINNED.version}`];
  await run("go", args, { env: { ...env, ...own }, timeout: LIMIT_MS });
  return join(folder, "bin", ...(arch === process.arch ? [] : [`linux_${goarch}`]), "nats-server");
}
