// npm run build:native: builds the C++ add-ons, when their inputs changed.
//
//   --target linux-arm64   for another machine, with a cross compiler
//   --require              ends with 1 when it cannot be built; else petiole works without it, and so does this

import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rename } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { spawnSync } from "node:child_process";
import { writeFileAtomic } from "../src/lib/files.ts";
import { deviceAddonPath } from "../src/lib/device-io.ts";
import { nativeLibrary } from "../src/lib/parts.ts";
import { nativeAddonPath, targetCpuPath } from "../src/runtime/machine-code/addon.ts";

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const FLAGS =
  "-std=gnu++20 -O2 -fPIC -shared -fno-rtti -fno-exceptions -fvisibility=hidden -s -Wall -Wextra -Werror " +
  "-DNODE_GYP_MODULE_NAME=petiole_native -DBUILDING_NODE_EXTENSION";
/** The same bytes wherever the sources are: their place must not come into what is built. */
const MAPPED = `-ffile-prefix-map=${ROOT}=`;
const COMPILERS: Readonly<Record<string, string>> = {
  "linux-x64": "x86_64-linux-gnu-g++",
  "linux-arm64": "aarch64-linux-gnu-g++",
};

/** The headers of the Node that runs this: they come with it, or with the npm package that brought it. */
async function findHeaders(): Promise<string | undefined> {
  const candidates = [
    join(dirname(process.execPath), "../include/node"),
    ...["x64", "arm64"].map((arch) => join(ROOT, `node_modules/node-linux-${arch}/include/node`)),
  ];
  for (const folder of candidates) {
    const text = await readFile(join(folder, "node_version.h"), "utf8").catch(() => "");
    const [major, minor, patch] = ["MAJOR", "MINOR", "PATCH"].map(
      (part) => new RegExp(`#define NODE_${part}_VERSION (\\d+)`).exec(text)?.[1],
    );
    if (`${major}.${minor}.${patch}` === process.versions.node) return folder;
  }
  return undefined;
}

/** Undefined when there is no such compiler. */
function compilerVersion(compiler: string): string | undefined {
  const { status, stdout } = spawnSync(compiler, ["--version"], { encoding: "utf8" });
  return status === 0 ? (stdout.split("\n")[0] ?? "") : undefined;
}

/** What was done, or why nothing could be. */
async function build(
  target: string,
  source: string,
  out: string,
): Promise<{ readonly ok: boolean; readonly text: string }> {
  const compiler = target === `${process.platform}-${process.arch}` ? (process.env["CXX"] ?? "g++") : COMPILERS[target];
  if (compiler === undefined) return { ok: false, text: `no compiler is known for it` };
  const version = compilerVersion(compiler);
  if (version === undefined) return { ok: false, text: `found no C++ compiler "${compiler}"` };
  const headers = await findHeaders();
  if (headers === undefined) return { ok: false, text: `found no headers of Node ${process.versions.node}` };

  const stamp = `${out}.inputs`;
  const inputs = createHash("sha256")
    .update(JSON.stringify([compiler, version, FLAGS, "-ffile-prefix-map", process.versions.node]))
    .update(await readFile(join(ROOT, source)))
    .digest("hex");
  const name = relative(ROOT, out);
  if (existsSync(out) && (await readFile(stamp, "utf8").catch(() => "")) === inputs) {
    return { ok: true, text: `${name} is unchanged` };
  }
  await mkdir(dirname(out), { recursive: true });
  const started = performance.now();
  // Under another name first: a process that runs may have the old one mapped.
  const made = `${out}.${process.pid}.tmp`;
  const { status, stderr } = spawnSync(
    compiler,
    [...FLAGS.split(" "), MAPPED, "-isystem", headers, join(ROOT, source), "-o", made],
    {
      encoding: "utf8",
    },
  );
  if (status !== 0) return { ok: false, text: `${compiler} failed:\n${stderr}` };
  await rename(made, out);
  await writeFileAtomic(stamp, inputs, 0o644);
  return { ok: true, text: `${name} in ${(performance.now() - started).toFixed(0)} ms, by ${version}` };
}

const { values } = parseArgs({
  options: { target: { type: "string" }, require: { type: "boolean", default: false } },
});
const target = values.target ?? `${process.platform}-${process.arch}`;
const host = `${process.platform}-${process.arch}`;
const WITHOUT = {
  machineCode: "components start without cached machine code",
  deviceIo: "GPIO lines of the kernel cannot be used",
  memoryFile: "the single executable cannot be built",
};
const files = [
  { source: "native/machine-code.cc", out: nativeAddonPath(target), without: WITHOUT.machineCode },
  { source: "native/device-io.cc", out: deviceAddonPath(target), without: WITHOUT.deviceIo },
  {
    source: "native/memory-file.cc",
    out: nativeLibrary("petiole-memory-file.node", target),
    without: WITHOUT.memoryFile,
  },
];
// Only an emulated process needs to be told which processor it is to compile for.
if (target !== host) {
  files.push({ source: "native/target-cpu.cc", out: targetCpuPath(target), without: WITHOUT.machineCode });
}
for (const { source, out, without } of files) {
  const { ok, text } = await build(target, source, out);
  if (ok) console.log(`native: ${text}`);
  else console.error(`native: ${source} not built for ${target}, ${without}: ${text}`);
  if (!ok && values.require) process.exitCode = 1;
}
