// What has to be carried to a device.

import { spawnSync } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Report } from "../frame.ts";

const MEGABYTE = 1e6;
const COMPRESSORS = {
  gzip: ["gzip", "-9c"],
  zstd: ["zstd", "-19", "-T0", "-qc"],
  xz: ["xz", "-6", "-T0", "-c"],
} as const;

export async function reportSize(report: Report, program: string): Promise<void> {
  const whole = statSync(program).size;
  const node = statSync(process.execPath).size;
  report({ name: "Node, with symbols", value: node / MEGABYTE, unit: "MB" });
  report({ name: "executable", value: whole / MEGABYTE, unit: "MB", ratio: whole / node });
  for (const [name, [command, ...args]] of Object.entries(COMPRESSORS)) {
    const size = compressedSize(command, args, program);
    if (size === undefined) console.error(`${name} is left out: found no "${command}"`);
    else report({ name: `executable, ${name}`, value: size / MEGABYTE, unit: "MB", ratio: size / node });
  }
  const packages = packagesBeside(program);
  if (packages.length === 0) console.error("The package is left out: npm run package makes it");
  for (const file of packages) {
    const value = statSync(file).size / MEGABYTE;
    report({ name: file.slice(dirname(file).length + 1), value, unit: "MB", goal: { of: "value", atMost: 45 } });
  }
}

function compressedSize(command: string, args: readonly string[], file: string): number | undefined {
  const { status, stdout, error } = spawnSync(command, [...args, file], { maxBuffer: 1024 ** 3 });
  if (error !== undefined) return undefined;
  if (status !== 0) throw new Error(`"${command}" ended with ${status}`);
  return stdout.byteLength;
}

/** In dist/, where the executable is in dist/<target>/. */
function packagesBeside(program: string): readonly string[] {
  const folder = dirname(dirname(program));
  return readdirSync(folder)
    .filter((name) => name.endsWith(".deb"))
    .sort()
    .map((name) => join(folder, name));
}
