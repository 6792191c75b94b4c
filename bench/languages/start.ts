// From the start of a process to the first answer of a component, for each language.

import { existsSync } from "node:fs";
import { mkdtemp, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { median, type Report } from "../frame.ts";
import { bundleRuntime } from "../runtime/bundle.ts";
import { runProcess } from "../runtime/process.ts";
import { ADDON, temporaryFolder } from "../runtime/subject.ts";
import type { StartRun } from "./start-main.ts";
import { BASELINE, SUBJECTS, type Subject } from "./subjects.ts";

const ROUNDS = 5;

/** Those that are built; says which are not. */
function available(): readonly Subject[] {
  return [BASELINE, ...SUBJECTS].filter(({ name, file }) => {
    if (existsSync(file)) return true;
    console.error(`${name} is left out: npm run build:languages, or build:examples for typescript, has not built it`);
    return false;
  });
}

export async function reportSizes(report: Report): Promise<void> {
  const { size: baseline } = await stat(BASELINE.file);
  for (const { name, file } of available()) {
    const { size } = await stat(file);
    report({ name: `${name}: component`, value: size / 1024, unit: "KiB", ratio: size / baseline });
  }
}

export async function reportStarts(report: Report): Promise<void> {
  await using folder = await temporaryFolder();
  const entry = fileURLToPath(new URL("./start-main.ts", import.meta.url));
  const { main, worker, transpiler } = await bundleRuntime(folder.path, entry);
  const env = { NODE_COMPILE_CACHE: join(folder.path, "compile-cache") };
  const start = async (subject: Subject, cacheDir: string): Promise<number> => {
    const ask: StartRun = { subject: subject.name, file: subject.file, cacheDir, worker, transpiler, addon: ADDON };
    return (await runProcess([main, JSON.stringify(ask)], env)).answered;
  };
  const subjects = available();
  const times = new Map(subjects.map(({ name }) => [name, { cold: [] as number[], cached: [] as number[] }]));
  for (const subject of subjects) await start(subject, join(folder.path, subject.name));
  // In turns, so that what else the machine does hits all alike.
  for (let round = 0; round < ROUNDS; round++) {
    for (const subject of subjects) {
      const of = times.get(subject.name);
      of?.cached.push(await start(subject, join(folder.path, subject.name)));
      of?.cold.push(await start(subject, await mkdtemp(join(folder.path, "empty-"))));
    }
  }
  for (const [way, label] of [
    ["cached", "with the cache"],
    ["cold", "without a cache"],
  ] as const) {
    const baseline = median(times.get(BASELINE.name)?.[way] ?? []);
    for (const { name } of subjects) {
      const value = median(times.get(name)?.[way] ?? []);
      report({ name: `${name}: first answer ${label}`, value, unit: "ms", ratio: value / baseline });
    }
  }
}
