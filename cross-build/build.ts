// npm run build -- --target linux-arm64|linux-x64 [--out DIR] [--json] [--nats-server none|auto|PATH] [--verify-reproducible]
//
// Builds the single executable of petiole for a machine, dist/<target>/petiole, with its bill of materials and its
// licences beside it.
//
//   --verify-reproducible         builds a second time, from the sources, and compares
//   --nats-server none|auto|PATH  puts a nats-server for the target inside, which Go builds (auto) or which is given

import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { constants, zstdCompressSync } from "node:zlib";
import { VERSION } from "../src/domain/version.ts";
import { writeFileAtomic } from "../src/lib/files.ts";
import { describeBuild } from "./about.ts";
import { bundle, ROOT } from "./bundle.ts";
import { buildExecutable } from "./executable.ts";
import { listPackages, nodeParts } from "./inventory.ts";
import { writeLicences } from "./licences.ts";
import { obtainServer, type NatsServerPart } from "./nats-server.ts";
import { obtainNode, run } from "./node.ts";
import { createBom } from "./sbom.ts";
import { isTarget, TARGETS, type TargetName } from "./targets.ts";

const { values } = parseArgs({
  options: {
    target: { type: "string", default: `${process.platform}-${process.arch}` },
    out: { type: "string" },
    json: { type: "boolean", default: false },
    "nats-server": { type: "string", default: "none" },
    "verify-reproducible": { type: "boolean", default: false },
  },
});
const progress = (line: string): void => void (values.json || console.error(`build: ${line}`));

try {
  const { target } = values;
  if (!isTarget(target)) throw new Error(`Cannot build for "${target}": want ${Object.keys(TARGETS).join(" or ")}`);
  const report = await build(target, resolve(values.out ?? join(ROOT, "dist", target)));
  if (values["verify-reproducible"]) await compareWithSecond(target, report.sha256);
  if (values.json) console.log(JSON.stringify(report));
  else console.log(formatReport(report));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

interface Report {
  readonly file: string;
  readonly size: number;
  /** Compressed as fast as downloads and packages are. */
  readonly zstd: number;
  readonly sha256: string;
}

async function build(target: TargetName, folder: string): Promise<Report> {
  progress(`add-ons for ${target}`);
  run(process.execPath, ["scripts/build-native.ts", "--target", target, "--require"], "to build the add-ons");
  // For compiling for boards; the executable does without.
  if (target !== "linux-arm64") {
    run(process.execPath, ["scripts/build-native.ts", "--target", "linux-arm64"], "to build the add-ons");
  }
  progress(`Node for ${target}`);
  const node = await obtainNode(target);
  progress("bundle");
  const made = await bundle();
  const packages = await listPackages(made.modules);
  const natsServer = await chooseServer(target);
  progress(`executable of ${made.files.size} files, made of ${made.modules.length} modules`);
  const about = describeBuild(target, packages, natsServer);
  const file = join(folder, "petiole");
  const bytes = await buildExecutable({ target, node, bundle: made, about, natsServer });
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const bom = createBom({
    ...about,
    version: VERSION,
    sha256,
    packages,
    direct: Object.keys(await directDependencies()).map((name) => `node_modules/${name}`),
    node: { ...node, parts: nodeParts(process.versions) },
    natsServer,
  });
  const own = await readFile(join(ROOT, "LICENSE"), "utf8");
  const licences = writeLicences({
    own,
    node: { version: node.version, text: node.licence },
    packages,
    goModules: natsServer?.modules,
  });
  await mkdir(folder, { recursive: true });
  await writeFileAtomic(join(folder, "petiole.cdx.json"), `${JSON.stringify(bom, undefined, 2)}\n`, 0o644);
  await writeFileAtomic(join(folder, "licenses.txt"), licences, 0o644);
  await writeFileAtomic(file, bytes, 0o755);
  const level = { params: { [constants.ZSTD_c_compressionLevel]: 3 } };
  return { file, size: bytes.length, zstd: zstdCompressSync(bytes, level).length, sha256 };
}

/** The package brings one beside the executable; inside, it would be in each update. */
async function chooseServer(target: TargetName): Promise<NatsServerPart | undefined> {
  const where = values["nats-server"];
  if (where === "none") return undefined;
  const server = await obtainServer(target, where, progress);
  progress(`with nats-server ${server.version}, ${(server.program.length / 1e6).toFixed(1)} MB`);
  return server;
}

async function directDependencies(): Promise<Readonly<Record<string, string>>> {
  // Our own.
  const { dependencies } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8")) as {
    readonly dependencies: Readonly<Record<string, string>>;
  };
  return dependencies;
}

async function compareWithSecond(target: TargetName, first: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "petiole-second-"));
  try {
    const { sha256 } = await build(target, folder);
    if (sha256 !== first) throw new Error(`Two builds differ: ${first} and ${sha256}`);
    progress("a second build gave the same bytes");
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function formatReport({ file, size, zstd, sha256 }: Report): string {
  const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
  return `${file}: ${megabytes(size)}, ${megabytes(zstd)} compressed by zstd\nsha256 ${sha256}`;
}
