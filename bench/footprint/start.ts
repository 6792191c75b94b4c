// How long it takes to start, against a Node that does nothing.

import { spawnSync } from "node:child_process";
import { tempFolder } from "../../test/support/processes.ts";
import { median, type Report } from "../frame.ts";
import { startAgent } from "./agent.ts";
import { fiveComponents } from "./device.ts";
import { join } from "node:path";
import { mkdir } from "node:fs/promises";

const ROUNDS = 7;

export async function reportStart(report: Report, program: string): Promise<void> {
  await using folder = await tempFolder();
  const device = async (name: string, config: Readonly<Record<string, unknown>>): Promise<() => Promise<Took>> => {
    const own = join(folder.path, name);
    await mkdir(join(own, "run"), { recursive: true });
    return async () => {
      await using agent = await startAgent([program], own, config);
      return { time: agent.ready, work: agent.work };
    };
  };
  const ways = {
    "bare Node": () => run(process.execPath, ["-e", "0"]),
    version: () => run(program, ["version"]),
    "ready, no component": await device("idle", {}),
    "ready, five components": await device("five", fiveComponents(join(folder.path, "chip.sock"))),
  };
  const times = new Map(Object.keys(ways).map((name) => [name, [] as Took[]]));
  // The first round fills caches.
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const [name, start] of Object.entries(ways)) {
      const took = await start();
      if (round > 0) times.get(name)?.push(took);
    }
  }
  const of = (name: keyof typeof ways, what: keyof Took): number =>
    median((times.get(name) ?? []).map((took) => took[what]));
  const bare = of("bare Node", "time");
  const bareWork = of("bare Node", "work");
  report({ name: "bare Node", value: bare, unit: "ms" });
  report({ name: "bare Node: processor time", value: bareWork, unit: "ms" });
  for (const name of ["version", "ready, no component", "ready, five components"] as const) {
    const [value, work] = [of(name, "time"), of(name, "work")];
    const goal = name === "version" ? {} : { goal: { of: "ratio", atMost: 6 } as const };
    report({ name, value, unit: "ms", ratio: value / bare, ...goal });
    if (name !== "version") report({ name: `${name}: in all`, value, unit: "ms", goal: { of: "value", atMost: 1500 } });
    report({ name: `${name}: processor time`, value: work, unit: "ms", ratio: work / bareWork });
  }
}

/** In milliseconds. */
interface Took {
  readonly time: number;
  /** Of the processor, which a busy machine does not change as much. */
  readonly work: number;
}

async function run(program: string, args: readonly string[]): Promise<Took> {
  const started = performance.now();
  const { status, error } = spawnSync(program, args, { stdio: "ignore" });
  const time = performance.now() - started;
  if (status !== 0) throw new Error(`"${program} ${args.join(" ")}" ended with ${status}`, { cause: error });
  // A shell tells what its children took, on its last line.
  const { stdout } = spawnSync("/bin/sh", ["-c", '"$@" >/dev/null; times', "sh", program, ...args], {
    encoding: "utf8",
  });
  const children = stdout.trim().split("\n").at(-1) ?? "";
  const spent = [...children.matchAll(/(\d+)m([\d.]+)s/g)].map(
    ([, minutes, rest]) => Number(minutes) * 60 + Number(rest),
  );
  return { time, work: spent.reduce((total, one) => total + one, 0) * 1000 };
}
