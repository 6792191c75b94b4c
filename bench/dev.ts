// From a saved file to the new version that runs, with `petiole dev`, against a build from nothing. Docs: docs/dev.md.

import { execFile } from "node:child_process";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import type { DevEvent } from "../src/toolchain/dev/events.ts";
import { openSession } from "../src/toolchain/dev/session.ts";
import { median, quantile, type Benchmark, type Report } from "./frame.ts";

const ROOT = resolve(import.meta.dirname, "..");
const PROJECT = join(ROOT, "test", "fixtures", "projects", "lamp");
const CHANGES = 30;
const BUILDS = 5;

export const benchmark: Benchmark = {
  title: "dev: from a saved file to the new version that runs, against petiole build",
  parts: { reload: reportReload },
};

async function reportReload(report: Report): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "petiole-bench-"));
  try {
    await cp(PROJECT, folder, { recursive: true });
    const builds: number[] = [];
    for (let i = 0; i < BUILDS; i += 1) builds.push(await timeOf(() => build(folder)));
    const baseline = median(builds);
    report({ name: "petiole build, type check included (p50)", value: baseline, unit: "ms" });
    const reloads = await timeReloads(folder);
    const half = median(reloads);
    report({
      name: "petiole dev, from save to running (p50)",
      value: half,
      unit: "ms",
      ratio: half / baseline,
      goal: { of: "value", atMost: 1000 },
    });
    report({ name: "petiole dev, from save to running (p95)", value: quantile(reloads, 0.95), unit: "ms" });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const build = async (folder: string): Promise<unknown> =>
  await promisify(execFile)(join(ROOT, "scripts", "petiole"), ["build", folder]);

async function timeReloads(folder: string): Promise<readonly number[]> {
  let heard: (event: DevEvent) => void = () => {};
  await using session = await openSession({
    folder,
    emit: (event) => heard(event),
    env: process.env,
    keep: false,
    signal: new AbortController().signal,
  });
  const times: number[] = [];
  for (let i = 0; i < CHANGES; i += 1) {
    const runs = Promise.withResolvers<void>();
    heard = (event) => {
      if (event.kind === "running") runs.resolve();
      if (event.kind === "failed") runs.reject(new Error(JSON.stringify(event.faults)));
    };
    const file = join(session.project.folder, "src", "greeting.ts");
    times.push(
      await timeOf(async () => {
        await writeFile(file, `export const greeting = (): string => "hello ${i}";\n`);
        await runs.promise;
      }),
    );
  }
  return times;
}

async function timeOf(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}
