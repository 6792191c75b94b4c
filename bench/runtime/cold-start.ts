// From the start of a process to the first answer of a component, against a Node that does nothing.

import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { median, type Report } from "../frame.ts";
import { bundleRuntime, type Bundles } from "./bundle.ts";
import type { ColdRun } from "./cold-main.ts";
import { coldEntry } from "./first-calls.ts";
import { runProcess } from "./process.ts";
import { ADDON, subjectFile, temporaryFolder, type SubjectName } from "./subject.ts";

const ROUNDS = 11;

export async function reportColdStart(report: Report): Promise<void> {
  await using folder = await temporaryFolder();
  const bundles = await bundleRuntime(folder.path, coldEntry);
  const env = { NODE_COMPILE_CACHE: join(folder.path, "compile-cache") };
  for (const component of ["quickjs", "core"] as const) {
    const full = join(folder.path, `cache-${component}`);
    await startOnce(bundles, { component, cacheDir: full, warmUp: true, env });
    const ways = {
      "bare Node": () => runProcess(["-e", "0"], env),
      "with the cache": () => startOnce(bundles, { component, cacheDir: full, env }),
      "without a cache": async () => startOnce(bundles, { component, cacheDir: await emptyFolder(folder.path), env }),
      "without a cache, transpiled by jco": async () =>
        startOnce(bundles, { component, cacheDir: await emptyFolder(folder.path), glue: "jco", env }),
    };
    const times = new Map(Object.keys(ways).map((name) => [name, [] as number[]]));
    for (let round = 0; round < ROUNDS; round++) {
      for (const [name, start] of Object.entries(ways)) times.get(name)?.push((await start()).answered);
    }
    const of = (name: keyof typeof ways): number => median(times.get(name) ?? []);
    const bare = of("bare Node");
    const cached = of("with the cache");
    report({ name: `${component}: bare Node`, value: bare, unit: "ms" });
    for (const name of ["with the cache", "without a cache", "without a cache, transpiled by jco"] as const) {
      const goal = component === "quickjs" && name === "with the cache";
      report({
        name: `${component}: first answer ${name}`,
        value: of(name),
        unit: "ms",
        ratio: of(name) / bare,
        ...(goal && { goal: { of: "ratio", atMost: 1.6 } }),
      });
    }
    report({
      name: `${component}: the cache against transpiling`,
      value: of("without a cache, transpiled by jco") - cached,
      unit: "ms saved",
      ratio: of("without a cache, transpiled by jco") / cached,
      ...(component === "quickjs" && { goal: { of: "ratio", atLeast: 10 } }),
    });
    // What the runtime can be blamed for: Node's own start is in both.
    report({
      name: `${component}: first answer, beyond bare Node`,
      value: cached - bare,
      unit: "ms",
      ratio: (of("without a cache, transpiled by jco") - bare) / (cached - bare),
    });
  }
}

function startOnce(
  { main, worker, transpiler }: Bundles,
  {
    component,
    cacheDir,
    env,
    glue = "own",
    warmUp = false,
  }: {
    readonly component: SubjectName;
    readonly cacheDir: string;
    readonly env: Readonly<Record<string, string>>;
    readonly glue?: ColdRun["glue"];
    readonly warmUp?: boolean;
  },
): ReturnType<typeof runProcess> {
  const ask: ColdRun = {
    component: subjectFile(component),
    cacheDir,
    glue,
    worker,
    transpiler,
    addon: ADDON,
    calls: 0,
    warmUp,
  };
  return runProcess([main, JSON.stringify(ask)], env);
}

function emptyFolder(parent: string): Promise<string> {
  return mkdtemp(join(parent, "empty-"));
}
