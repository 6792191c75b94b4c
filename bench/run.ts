// npm run bench -- <area> [part...] [--json] [--binary FILE]: runs bench/<area>.ts, all of it or some parts. Without an area it lists
// them.

import { readdirSync } from "node:fs";
import { parseArgs } from "node:util";
import { meetsGoal, toJson, toTable, type Benchmark, type Measurement } from "./frame.ts";

const FRAME = new Set(["run.ts", "frame.ts"]);
const areas = readdirSync(import.meta.dirname)
  .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts") && !FRAME.has(name))
  .map((name) => name.slice(0, -".ts".length))
  .sort();

async function load(area: string): Promise<Benchmark> {
  // Every area's file exports it; a file that does not fails at its first use.
  const module = (await import(`./${area}.ts`)) as { readonly benchmark: Benchmark };
  return module.benchmark;
}

async function main(): Promise<number> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { json: { type: "boolean" }, binary: { type: "string" } },
  });
  const [area, ...wanted] = positionals;
  if (area === undefined) {
    for (const name of areas) {
      const { title, parts } = await load(name);
      console.log(`${title}\n  parts: ${Object.keys(parts).join(", ")}`);
    }
    return 0;
  }
  if (!areas.includes(area)) {
    console.error(`Cannot run the benchmark "${area}": there is ${areas.join(", ")}`);
    return 2;
  }
  const benchmark = await load(area);
  const unknown = wanted.find((part) => !Object.hasOwn(benchmark.parts, part));
  if (unknown !== undefined) {
    console.error(`Cannot run "${unknown}" of ${area}: there is ${Object.keys(benchmark.parts).join(", ")}`);
    return 2;
  }
  const measurements: Measurement[] = [];
  if (values.json !== true) console.log(`${benchmark.title}\n`);
  for (const [part, run] of Object.entries(benchmark.parts)) {
    if (wanted.length > 0 && !wanted.includes(part)) continue;
    if (values.json !== true) console.error(`measuring ${part} ...`);
    await run((measurement) => {
      measurements.push(measurement);
      if (values.json === true) console.log(toJson(measurement));
    }, values);
  }
  if (values.json !== true) console.log(toTable(measurements));
  return measurements.some((measurement) => meetsGoal(measurement) === false) ? 1 : 0;
}

process.exitCode = await main();
