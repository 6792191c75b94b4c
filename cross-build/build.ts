// npm run build -- --target linux-arm64|linux-x64 [--out DIR] [--json]
//
// Builds the single executable of petiole for a machine, dist/<target>/petiole.

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { describeBuild } from "./about.ts";
import { bundle, ROOT } from "./bundle.ts";
import { buildExecutable } from "./executable.ts";
import { obtainNode, run } from "./node.ts";
import { isTarget, TARGETS, type TargetName } from "./targets.ts";

const { values } = parseArgs({
  options: {
    target: { type: "string", default: `${process.platform}-${process.arch}` },
    out: { type: "string" },
    json: { type: "boolean", default: false },
  },
});

try {
  const { target } = values;
  if (!isTarget(target)) throw new Error(`Cannot build for "${target}": want ${Object.keys(TARGETS).join(" or ")}`);
  const report = await build(target, resolve(values.out ?? join(ROOT, "dist", target)));
  if (values.json) console.log(JSON.stringify(report));
  else console.log(`${report.file}: ${(report.size / 1e6).toFixed(1)} MB, sha256 ${report.sha256}`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

async function build(target: TargetName, folder: string): Promise<{ file: string; size: number; sha256: string }> {
  const progress = values.json ? () => {} : (line: string) => console.error(`build: ${line}`);
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
  progress(`${made.files.size} files of ${made.modules.length} modules; executable`);
  const about = await describeBuild(target, made.modules);
  const file = join(folder, "petiole");
  await buildExecutable({ target, node, bundle: made, about }, file);
  const bytes = await readFile(file);
  return { file, size: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
}
