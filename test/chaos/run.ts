// npm run test:chaos: rounds of random faults against a real agent and a real hub; see docs/testing.md.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { buildFaultShim } from "../support/fault-shim.ts";
import { skipping } from "../support/skip.ts";
import { mountMemory } from "../support/small-disk.ts";
import type { Means } from "./rig.ts";
import { describeReport, runChaos } from "./rounds.ts";

/** What this machine can do; what it cannot is printed. */
export async function findMeans(): Promise<Means> {
  const shim = buildFaultShim();
  const missing = "missing" in shim;
  skipping(missing, "disk-error, disk-slow and clock", missing ? shim.missing : "");
  const mount = await canMount();
  skipping(!mount, "disk-full", "mounting a small disk needs root and mount(8)");
  const floor = process.env["PETIOLE_TEST_NATS_FLOOR"];
  skipping(floor === undefined, "hubs of nats-server 2.9.10", "PETIOLE_TEST_NATS_FLOOR names none");
  return { shim: !missing, mount, floor };
}

async function canMount(): Promise<boolean> {
  const path = await mkdtemp(join(tmpdir(), "petiole-mount-"));
  try {
    await (await mountMemory(path, "1m"))[Symbol.asyncDispose]();
    return true;
  } catch {
    return false;
  } finally {
    await rm(path, { recursive: true });
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "50" },
      seed: { type: "string" },
      verbose: { type: "boolean", default: false },
    },
  });
  const seed = Number(values.seed ?? Math.floor(Math.random() * 1e6));
  const rounds = Number(values.rounds);
  if (!Number.isSafeInteger(seed) || !(rounds > 0)) throw new Error("want --rounds and --seed to be whole numbers");
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  say(`seed ${seed}`);
  const started = performance.now();
  // Servers and mounts must not stay behind, so the round under way goes to its end.
  const stop = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, () => stop.abort());
  const means = await findMeans();
  const report = await runChaos({ seed, rounds, means, say, verbose: values.verbose, signal: stop.signal });
  for (const line of describeReport(report)) say(line);
  say(`took ${((performance.now() - started) / 1000).toFixed(0)} s`);
  for (const failure of report.failures) say(`FAILED: ${failure}`);
  process.exitCode = report.failures.length === 0 ? 0 : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
