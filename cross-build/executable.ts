// Puts the single executable together: Node, the bundle, add-ons, and what they need.

import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { constants, zstdCompressSync } from "node:zlib";
import { AGENT_FLAGS } from "../scripts/agent-flags.ts";
import type { About } from "../src/lib/about.ts";
import { ADDONS, ROOT, type Bundle } from "./bundle.ts";
import { checkPages, readElf, repairOverlaps } from "./elf.ts";
import { checkFits } from "./fits.ts";
import type { NatsServerPart } from "./nats-server.ts";
import { run, type TargetNode } from "./node.ts";
import { TARGETS, type TargetName } from "./targets.ts";

/** Add-ons are loaded out of the executable through it. */
const FLAGS = [...AGENT_FLAGS, "--experimental-vfs"];

export interface Ingredients {
  readonly target: TargetName;
  readonly node: TargetNode;
  readonly bundle: Bundle;
  /** What the executable says of itself. */
  readonly about: About;
  readonly natsServer: NatsServerPart | undefined;
}

const TRANSPILER = "node_modules/@bytecodealliance/jco-transpile/vendor";
const TRANSPILER_FILES = ["js-component-bindgen-component.core.wasm", "js-component-bindgen-component.core2.wasm"];
/** Only what compiles for a board on another machine takes it; not every machine can build it. */
const TARGET_CPU = "linux-arm64/petiole-target-cpu.so";
const OWN_ADDONS = ["petiole-native.node", "petiole-device-io.node", "petiole-memory-file.node"];
const OUTPUT = "petiole";

/** @throws Error that says what is missing or wrong */
export async function buildExecutable(ingredients: Ingredients): Promise<Uint8Array> {
  const { target, node, bundle, about, natsServer } = ingredients;
  // The builder is run inside a folder: no path of this machine comes into the executable.
  const work = await mkdtemp(join(tmpdir(), "petiole-build-"));
  try {
    const assets = new Map<string, Uint8Array | string>([["about.json", JSON.stringify(about)]]);
    for (const [name, code] of bundle.files) if (name !== bundle.main) assets.set(name, Buffer.from(code, "latin1"));
    for (const [name, file] of filesOf(target)) assets.set(name, await readPart(name, file, target));
    const targetCpu = join(ROOT, "native/build", TARGET_CPU);
    if (target === "linux-x64" && existsSync(targetCpu)) assets.set(TARGET_CPU, await readFile(targetCpu));
    if (natsServer !== undefined) assets.set("nats-server.zst", compress(natsServer.program));
    for (const [name, content] of assets) {
      await mkdir(dirname(join(work, name)), { recursive: true });
      await writeFile(join(work, name), content);
    }
    await writeFile(join(work, bundle.main), bundle.files.get(bundle.main) ?? "", "latin1");
    const config = {
      main: bundle.main,
      mainFormat: "commonjs",
      executable: node.executable,
      output: OUTPUT,
      disableExperimentalSEAWarning: true,
      execArgv: FLAGS,
      // Processes of its own are started with flags of theirs; the environment has no say.
      execArgvExtension: "cli",
      assets: Object.fromEntries([...assets.keys()].sort().map((name) => [name, name])),
    };
    await writeFile(join(work, "build.json"), JSON.stringify(config));
    run(process.execPath, ["--build-sea", "build.json"], "to build the executable", work);
    const bytes = await readFile(join(work, OUTPUT));
    finish(bytes, target);
    return bytes;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

const compress = (program: Uint8Array): Uint8Array =>
  zstdCompressSync(program, { params: { [constants.ZSTD_c_compressionLevel]: 19 } });

/** Files of this machine that the executable carries besides the bundle. */
function filesOf(target: TargetName): readonly (readonly [string, string])[] {
  return [
    ...TRANSPILER_FILES.map((name) => [name, join(ROOT, TRANSPILER, name)] as const),
    ...OWN_ADDONS.map((name) => [name, join(ROOT, "native/build", target, name)] as const),
    ...Object.entries(ADDONS).map(([name, place]) => [name, join(ROOT, place(target))] as const),
  ];
}

async function readPart(name: string, file: string, target: TargetName): Promise<Uint8Array> {
  if (!existsSync(file)) throw new Error(`Cannot build for ${target}: found no "${file}"`);
  const bytes = await readFile(file);
  if (name.endsWith(".node")) checkFits(file, bytes, target);
  return bytes;
}

/** Repairs the program headers, and looks that it is right. */
function finish(bytes: Uint8Array, target: TargetName): void {
  repairOverlaps(bytes);
  const { machine } = readElf(bytes);
  if (machine !== TARGETS[target].machine) throw new Error(`The executable for ${target} is one for ${machine}`);
  checkPages(bytes);
}
