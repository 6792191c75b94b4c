// npm run build:examples: builds the example components and those that tests use, as far as their inputs changed. Those whose
// names begin with one of the arguments, if there are any, such as `examples/kvcounter`.

import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { glob, mkdir, readFile } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { writeFileAtomic } from "../src/lib/files.ts";
import { bundle } from "../src/toolchain/build/bundle.ts";
import { componentiseWithQuickjs } from "../src/toolchain/build/componentise.ts";
import { runCompiler, writeGuestTypes } from "../src/toolchain/build/guest-types.ts";
import { joinWit, readWit, worldName } from "../src/toolchain/wit/packages.ts";
import { buildCoreComponent } from "./core-component.ts";

const ROOT = fileURLToPath(new URL("../", import.meta.url));
// What decides, beside the sources, what comes out.
const TOOLS = [
  ...["bundle", "componentise", "guest-types", "page-text"].map((name) => `src/toolchain/build/${name}.ts`),
  "src/toolchain/wit/packages.ts",
  "scripts/core-component.ts",
  "scripts/build-examples.ts",
  "package-lock.json",
];
// Outside the generated folders: those of the test components are in the project's own type check, which has Node's.
const GLOBALS = join(ROOT, ".cache/guest/globals.d.ts");

interface Target {
  readonly name: string;
  /** TypeScript, or the text form of a core module. */
  readonly entry: string;
  readonly wit: string;
  /** Of several in the same file. */
  readonly world?: string;
  readonly out: string;
  readonly types: string;
}

async function listTargets(): Promise<readonly Target[]> {
  const targets: Target[] = [];
  for await (const file of glob("examples/*/src/index.ts", { cwd: ROOT })) {
    const folder = dirname(dirname(join(ROOT, file)));
    const name = relative(join(ROOT, "examples"), folder);
    const build = join(folder, "build");
    targets.push({
      name: `examples/${name}`,
      entry: join(ROOT, file),
      wit: join(folder, "wit"),
      out: join(build, `${name}.wasm`),
      types: join(build, "types"),
    });
  }
  // An example that consists of several. Each has a world in a folder of its own, or all have theirs in the file of the example.
  for await (const file of glob("examples/*/components/*/src/index.ts", { cwd: ROOT })) {
    const folder = dirname(dirname(join(ROOT, file)));
    const example = dirname(dirname(folder));
    const name = basename(folder);
    const wit = join(folder, "wit");
    targets.push({
      name: `${relative(ROOT, example)}/${name}`,
      entry: join(ROOT, file),
      ...(existsSync(wit) ? { wit } : { wit: join(example, "wit"), world: `${name}-component` }),
      out: join(example, "build", `${name}.wasm`),
      types: join(example, "build/types", name),
    });
  }
  for await (const file of glob("{test/fixtures,test/fixtures/second-draft,bench}/components/*/{index.ts,core.wat}", {
    cwd: ROOT,
  })) {
    const folder = dirname(join(ROOT, file));
    const components = dirname(folder);
    const name = relative(components, folder);
    targets.push({
      name: relative(ROOT, folder),
      entry: join(ROOT, file),
      wit: folder,
      out: join(components, "build", `${name}.wasm`),
      // One folder for all: they are part of the project's own type check, which takes an interface only once.
      types: join(components, "build/types"),
    });
  }
  return targets.sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function digestInputs(target: Target): Promise<string> {
  const sources = target.entry.endsWith(".ts") ? (await bundle(target.entry)).modules : [target.entry];
  const hash = createHash("sha256")
    .update(joinWit(await readWit(target.wit)))
    .update(target.world ?? "");
  for (const file of [...sources, ...TOOLS.map((tool) => join(ROOT, tool))].sort()) {
    hash
      .update(relative(ROOT, file))
      .update("\0")
      .update(await readFile(file))
      .update("\0");
  }
  return hash.digest("hex");
}

async function build(target: Target): Promise<number> {
  const { entry, out, types } = target;
  const wit = await readWit(target.wit);
  if (entry.endsWith(".wat")) return await buildCoreComponent({ entry, wit, out });
  const world = target.world ?? worldName(wit.world);
  if (world === undefined) throw new Error(`Cannot find the world of "${target.name}"`);
  const base = join(ROOT, "tsconfig.json");
  const config = await writeGuestTypes({ entry, wit, world, types, globals: GLOBALS, base });
  // A script for browsers has other types than a guest.
  const page = join(dirname(entry), "../page/tsconfig.json");
  for (const one of existsSync(page) ? [config, page] : [config]) {
    const faults = await runCompiler(one, { cwd: ROOT });
    if (faults !== undefined) throw new Error(`Cannot type-check "${target.name}":\n${faults}`);
  }
  const { code } = await bundle(entry);
  const component = await componentiseWithQuickjs({ code, wit, world });
  await mkdir(dirname(out), { recursive: true });
  await writeFileAtomic(out, component, 0o644);
  return component.byteLength;
}

const only = process.argv.slice(2);
const isWanted = ({ name }: Target): boolean => only.length === 0 || only.some((start) => name.startsWith(start));

for (const target of (await listTargets()).filter(isWanted)) {
  const stamp = `${target.out}.inputs`;
  const inputs = await digestInputs(target);
  if (existsSync(target.out) && existsSync(stamp) && (await readFile(stamp, "utf8")) === inputs) {
    console.log(`${target.name}: unchanged`);
    continue;
  }
  const started = performance.now();
  const size = await build(target);
  await writeFileAtomic(stamp, inputs, 0o644);
  console.log(`${target.name}: ${(size / 1024).toFixed(0)} KiB in ${(performance.now() - started).toFixed(0)} ms`);
}
