// How long it takes to start, against a Node that does nothing.

import { spawnSync } from "node:child_process";
import { tempFolder } from "../../test/support/processes.ts";
import { median, type Report } from "../frame.ts";
import { startAgent } from "./agent.ts";
import { fiveComponents } from "./device.ts";
import { join } from "node:path";
import { mkdir } from "node:fs/promises";

const ROUNDS = 11;

export async function reportStart(report: Report, program: string): Promise<void> {
  await using folder = await tempFolder();
  const device = async (name: string, config: Readonly<Record<string, unknown>>): Promise<() => Promise<number>> => {
    const own = join(folder.path, name);
    await mkdir(join(own, "run"), { recursive: true });
    return async () => {
      await using agent = await startAgent([program], own, config);
      return agent.ready;
    };
  };
  const ways = {
    "bare Node": () => run(process.execPath, ["-e", "0"]),
    version: () => run(program, ["version"]),
    "ready, no component": await device("idle", {}),
    "ready, five components": await device("five", fiveComponents(join(folder.path, "chip.sock"))),
  };
  const times = new Map(Object.keys(ways).map((name) => [name, [] as number[]]));
  // The first round fills caches.
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const [name, start] of Object.entries(ways)) {
      const took = await start();
      if (round > 0) times.get(name)?.push(took);
    }
  }
  const of = (name: keyof typeof ways): number => median(times.get(name) ?? []);
  const bare = of("bare Node");
  report({ name: "bare Node", value: bare, unit: "ms" });
  report({ name: "petiole version", value: of("version"), unit: "ms", ratio: of("version") / bare });
  for (const name of ["ready, no component", "ready, five components"] as const) {
    const value = of(name);
    report({ name, value, unit: "ms", ratio: value / bare, goal: { of: "ratio", atMost: 6 } });
    report({ name: `${name}: in all`, value, unit: "ms", goal: { of: "value", atMost: 1500 } });
  }
}

async function run(program: string, args: readonly string[]): Promise<number> {
  const started = performance.now();
  const { status, error } = spawnSync(program, args, { stdio: "ignore" });
  if (status !== 0) throw new Error(`"${program} ${args.join(" ")}" ended with ${status}`, { cause: error });
  return performance.now() - started;
}
