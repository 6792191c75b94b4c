// npm run test:tutorial: does what docs/tutorial.md tells its reader, in an empty folder, and takes the time.
//
//   --limit 2m      fails when it takes longer from nothing to something that runs
//   --package FILE  the npm package, instead of making it
//   --checkout      no package: the reader uses this checkout
//   --lab           with the device of the lab, which is the scenario `tutorial` of npm run test:device
//   --keep          the reader's folder stays

import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { formatTable } from "../src/cli/table.ts";
import { parseDuration } from "../src/domain/units.ts";
import { reasonOf } from "../src/lib/reason.ts";
import { packPackage, playTutorial, TUTORIAL } from "./tutorial/play.ts";

const { values } = parseArgs({
  options: {
    limit: { type: "string" },
    package: { type: "string" },
    checkout: { type: "boolean", default: false },
    lab: { type: "boolean", default: false },
    keep: { type: "boolean", default: false },
  },
});
process.exitCode = values.lab
  ? (spawnSync("npm", ["run", "test:device", "--", "tutorial"], { stdio: "inherit" }).status ?? 1)
  : await main();

async function main(): Promise<number> {
  const limit = values.limit === undefined ? undefined : parseDuration(values.limit);
  if (values.limit !== undefined && limit === undefined) throw new Error(`--limit "${values.limit}": want 2m or 90s`);
  const folder = await mkdtemp(join(tmpdir(), "petiole-package-"));
  try {
    const given = values.package === undefined ? undefined : resolve(values.package);
    const tarball = values.checkout ? undefined : (given ?? (await packPackage(folder)));
    const say = (line: string): void => console.log(line);
    const { chapters, total, running } = await playTutorial({ document: TUTORIAL, tarball, say, keep: values.keep });
    const seconds = (time: number): string => `${time.toFixed(1)} s`;
    const rows = chapters.map((chapter) => [chapter.title, seconds(chapter.seconds)]);
    console.log(`\n${formatTable([["chapter", "time"], ...rows, ["everything", seconds(total)]])}`);
    if (running === undefined) return 0;
    console.log(`From nothing to a component that runs: ${seconds(running)}`);
    if (limit === undefined || running * 1000 <= limit) return 0;
    console.error(`That is more than ${values.limit}`);
    return 1;
  } catch (error) {
    console.error(`\n${reasonOf(error)}`);
    return 1;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
