// npm run test:power-cut: records a store under load, then cuts the power at many points of that run and opens what the
// disk may show.
//
//   --cuts 500   how many points
//   --seed 7     which load, which points and what each loses; a random one unless given

import { availableParallelism } from "node:os";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { buildFaultShim, createFaults, type Faults } from "../support/fault-shim.ts";
import { spawnProcess } from "../support/processes.ts";
import { inspect, withFiles } from "./inspect.ts";
import { createPromiseKeeper, parseMark, type Promises } from "./marks.ts";
import { createRandom, type Random } from "./random.ts";
import type { FileRecord } from "./records.ts";
import { createDisk, STYLES, type FileTree, type Style } from "./replay.ts";
import { findProblems } from "./verdict.ts";

const LOAD = fileURLToPath(new URL("./load.ts", import.meta.url));
/** How each run of the load on the one folder ends. */
const ENDS = ["close", "kill", "kill", "close", "kill", "kill", "close", "kill"] as const;

/** Runs the load on the folder several times, one after another. */
export async function runLoad(faults: Faults, seed: number): Promise<void> {
  const env = { ...process.env, ...faults.env };
  const random = createRandom(seed);
  for (const [index, end] of ENDS.entries()) {
    // One of the runs before may have died while its flushes failed.
    await faults.failSyncs(undefined);
    // Mostly under load, sometimes while the store opens.
    await faults.killIn(end === "kill" ? 1 + random.below(random.chance(0.2) ? 100 : 5000) : 0);
    const args = ["--disable-warning=ExperimentalWarning", LOAD, faults.dir, `${index + 1}`, `${seed}`];
    await using load = await spawnProcess(process.execPath, args, { env });
    const { code, signal } = await load.exited;
    if (code !== 0 && !(end === "kill" && signal === "SIGKILL")) {
      throw new Error(`The load ended with ${code ?? signal}:\n${load.output()}`);
    }
  }
}

/** What the load did to its folder, over all runs. */
export async function recordLoad(seed: number): Promise<readonly FileRecord[]> {
  await using faults = await createFaults({ record: true });
  await runLoad(faults, seed);
  return await faults.records();
}

export interface Cut {
  /** How many records came before the cut. */
  readonly at: number;
  readonly style: Style;
}

/** Points over the whole run; half of them where most is unsettled: just before a flush, or after a promise. */
export function planCuts(records: readonly FileRecord[], count: number, random: Random): readonly Cut[] {
  const risky = records.flatMap(({ kind }, at) =>
    kind === "sync" || kind === "sync-folder" || kind === "sync-failed"
      ? [at]
      : kind === "mark" || kind === "rename" || kind === "unlink"
        ? [at + 1]
        : [],
  );
  return Array.from({ length: count }, (_, index) => ({
    at: index % 2 === 0 ? (risky[random.below(risky.length)] ?? 0) : random.below(records.length + 1),
    style: random.pick(STYLES),
  })).sort((a, b) => a.at - b.at);
}

export interface CutResult extends Cut {
  readonly problems: readonly string[];
  /** What the cut could have taken. */
  readonly unsettled: { readonly content: number; readonly names: number };
}

/** Cuts the power at each of the points, opens what is left, and judges it. */
export async function runCuts(
  records: readonly FileRecord[],
  cuts: readonly Cut[],
  random: Random,
): Promise<readonly CutResult[]> {
  const results: CutResult[] = [];
  const busy = new Set<Promise<void>>();
  const check = async (cut: Cut, tree: FileTree, promises: Promises, rest: Pick<CutResult, "unsettled">) => {
    const found = await withFiles(tree, inspect);
    const problems = typeof found === "string" ? [`it cannot be opened: ${found}`] : findProblems(promises, found);
    results.push({ ...cut, ...rest, problems });
  };
  const disk = createDisk();
  const keeper = createPromiseKeeper();
  let at = 0;
  for (const cut of cuts) {
    for (const record of records.slice(at, cut.at)) {
      disk.apply(record);
      if (record.kind === "mark") keeper.add(parseMark(record.text));
    }
    at = cut.at;
    const unsettled = disk.unsettled;
    const task = check(cut, disk.cut(cut.style, random), keeper.snapshot(), { unsettled });
    const tracked = task.finally(() => busy.delete(tracked));
    busy.add(tracked);
    // Opening a store mostly waits for its thread, and for the disk.
    if (busy.size > availableParallelism()) await Promise.race(busy);
  }
  await Promise.all(busy);
  return results;
}

/** One line for each cut that went wrong. */
export function describeFailures(results: readonly CutResult[]): readonly string[] {
  return results.flatMap(({ at, style, problems }) =>
    problems.length === 0 ? [] : [`cut at ${at} (${style}): ${problems.slice(0, 5).join("; ")}`],
  );
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { cuts: { type: "string", default: "500" }, seed: { type: "string" } },
  });
  const seed = Number(values.seed ?? Math.floor(Math.random() * 1e6));
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  const shim = buildFaultShim();
  if ("missing" in shim) return say(`Skipping the power cuts: ${shim.missing}`);
  say(`seed ${seed}`);
  const start = performance.now();
  const elapsed = (): string => `${((performance.now() - start) / 1000).toFixed(1)} s`;
  const records = await recordLoad(seed);
  const of = (kind: FileRecord["kind"]): number => records.filter((record) => record.kind === kind).length;
  say(
    `recorded ${records.length} operations: ${of("write")} writes, ${of("sync")} flushes, ${of("mark")} marks, ${elapsed()}`,
  );
  const random = createRandom(seed);
  const results = await runCuts(records, planCuts(records, Number(values.cuts), random), random);
  const atRisk = results.filter(({ unsettled }) => unsettled.content + unsettled.names > 0).length;
  const failures = describeFailures(results);
  for (const line of failures) say(`FAILED: ${line}`);
  say(`${results.length} cuts, ${atRisk} of them with something to lose: ${failures.length} failed, ${elapsed()}`);
  process.exitCode = failures.length === 0 ? 0 : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
