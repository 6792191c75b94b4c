// Python: componentize-py puts CPython, its library and the program into one component.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ToolMissing, type Language } from "./language.ts";
import { fetchedWheel, run, which } from "./tools.ts";

const TOOL = "componentize-py==0.25.1";
/** The command of the package, without having installed it. */
const START = "from componentize_py import script; script()";

type Tool = (...args: readonly string[]) => Promise<string>;

async function findTool(folder: string, fetch: boolean): Promise<Tool> {
  const installed = await which("componentize-py");
  if (installed !== undefined) return async (...args) => await run(installed, args, { cwd: folder });
  if ((await which("python3")) === undefined)
    throw new ToolMissing("there is no python3", "install Python 3.10 or later");
  const wheel = await fetchedWheel(TOOL, fetch);
  if (wheel === undefined) {
    throw new ToolMissing(
      "there is no componentize-py",
      `pip install ${TOOL}, or let --fetch get it from PyPI for this purpose alone (45 MB)`,
    );
  }
  const env = { PYTHONPATH: wheel };
  return async (...args) => await run("python3", ["-c", START, ...args], { cwd: folder, env });
}

export const python: Language = {
  name: "python",
  component: "meter",
  inputs: ["{app,telegram}.py", "wit/**/*.wit"],
  async build({ folder, work, fetch }) {
    const tool = await findTool(folder, fetch);
    const out = join(work, "component.wasm");
    await tool("--quiet", "--wit-path", "wit", "--world", "meter", "componentize", "app", "--output", out);
    return { component: await readFile(out), by: await tool("--version") };
  },
};
