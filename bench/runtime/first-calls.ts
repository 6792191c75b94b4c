// The first 1,000 calls of a process, with and without what the cache remembers of earlier ones.

import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { median, quantile, type Report } from "../frame.ts";
import { bundleRuntime } from "./bundle.ts";
import type { ColdReport, ColdRun } from "./cold-main.ts";
import { runProcess } from "./process.ts";
import { ADDON, subjectFile, temporaryFolder } from "./subject.ts";

const ROUNDS = 7;
const CALLS = 1000;

export const coldEntry = fileURLToPath(new URL("./cold-main.ts", import.meta.url));

export async function reportFirstCalls(report: Report): Promise<void> {
  await using folder = await temporaryFolder();
  const { main, worker, transpiler } = await bundleRuntime(folder.path, coldEntry);
  const env = { NODE_COMPILE_CACHE: join(folder.path, "compile-cache") };
  const component = subjectFile("quickjs");
  const full = join(folder.path, "cache");
  const start = async (cacheDir: string, more: Partial<ColdRun>): Promise<ColdReport> => {
    const ask: ColdRun = {
      component,
      cacheDir,
      worker,
      transpiler,
      addon: ADDON,
      glue: "own",
      calls: CALLS,
      warmUp: false,
      ...more,
    };
    const { stdout } = await runProcess([main, JSON.stringify(ask)], env);
    return JSON.parse(stdout.slice(stdout.indexOf("\n") + 1)) as ColdReport; // Written by cold-main.ts.
  };
  await start(full, { calls: 0, warmUp: true });
  const without: ColdReport[] = [];
  const cached: ColdReport[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    without.push(await start(await mkdtemp(join(folder.path, "empty-")), {}));
    cached.push(await start(full, {}));
  }
  for (const [name, of] of Object.entries({
    // On a machine with nothing else to do, most of these is how long a thread takes to wake.
    p50: ({ times }: ColdReport) => quantile(times, 0.5),
    p99: ({ times }: ColdReport) => quantile(times, 0.99),
    "computed by the guest in all": ({ computed }: ColdReport) => computed,
  })) {
    const before = median(without.map(of));
    const after = median(cached.map(of));
    report({ name: `first 1,000 calls, ${name}: without a cache`, value: before, unit: "µs" });
    report({ name: `first 1,000 calls, ${name}: with the cache`, value: after, unit: "µs", ratio: after / before });
  }
}
