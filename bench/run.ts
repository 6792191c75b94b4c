// npm run bench -- <area> [--json]: runs bench/<area>.ts. Without an area it lists them.

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
  const { positionals, values } = parseArgs({ allowPositionals: true, options: { json: { type: "boolean" } } });
  const [area] = positionals;
  if (area === undefined) {
    for (const name of areas) console.log(`${name.padEnd(12)}${(await load(name)).title}`);
    return 0;
  }
  if (positionals.length > 1 || !areas.includes(area)) {
    console.error(`Cannot run the benchmark "${positionals.join(" ")}": there is ${areas.join(", ")}`);
    return 2;
  }
  const benchmark = await load(area);
  const measurements: Measurement[] = [];
  if (values.json !== true) console.log(`${benchmark.title}\n`);
  await benchmark.run((measurement) => {
    measurements.push(measurement);
    if (values.json === true) console.log(toJson(measurement));
  });
  if (values.json !== true) console.log(toTable(measurements));
  return measurements.some((measurement) => meetsGoal(measurement) === false) ? 1 : 0;
}

process.exitCode = await main();
