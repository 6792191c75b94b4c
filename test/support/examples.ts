// `npm run example` as a process, in surroundings that tell whether it leaves something behind.

import { randomUUID } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { spawnProcess, tempFolder, type TestProcess } from "./processes.ts";

const SCRIPT = resolve(import.meta.dirname, "../../scripts/example.ts");
const MARK = "PETIOLE_TEST_EXAMPLE";

export interface PlayedExample extends AsyncDisposable {
  readonly process: TestProcess;
  /** Once it has ended: processes that it, or one of them, started and that still run, and files in the temporary folder. */
  leftBehind(): Promise<{ readonly processes: readonly string[]; readonly files: readonly string[] }>;
}

/** Starts an example. Disposing ends it by SIGKILL, if it still runs, and everything that it started. */
export async function playExample(...args: readonly string[]): Promise<PlayedExample> {
  const folder = await tempFolder();
  const mark = randomUUID();
  const env = { ...process.env, TMPDIR: folder.path, [MARK]: mark };
  const flags = ["--disable-warning=ExperimentalWarning"];
  const example = await spawnProcess(process.execPath, [...flags, SCRIPT, ...args], { env });
  return {
    process: example,
    leftBehind: async () => ({
      processes: (await marked(mark)).map(({ command }) => command),
      files: await readdir(folder.path),
    }),
    async [Symbol.asyncDispose]() {
      await example[Symbol.asyncDispose]();
      for (const { pid } of await marked(mark)) process.kill(pid, "SIGKILL");
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** The processes that inherited the mark. */
async function marked(mark: string): Promise<{ readonly pid: number; readonly command: string }[]> {
  const found: { pid: number; command: string }[] = [];
  for (const entry of await readdir("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    // One that is gone, or another user's, is none of ours.
    const read = async (name: string): Promise<string> =>
      await readFile(`/proc/${entry}/${name}`, "utf8").catch(() => "");
    if (!(await read("environ")).includes(`${MARK}=${mark}`)) continue;
    found.push({ pid: Number(entry), command: (await read("cmdline")).replaceAll("\0", " ").trim() });
  }
  return found;
}
