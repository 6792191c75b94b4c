import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "vitest";
import { componentiseWithStarlingMonkey } from "./starlingmonkey.ts";

/** As the tool is packed: for `import` alone. It gives back what it was asked for. */
const TOOL = {
  "package.json": JSON.stringify({ type: "module", exports: { types: "./types.d.ts", import: "./src/tool.js" } }),
  "src/tool.js":
    "export const componentize = async (code, options) => ({ component: JSON.stringify({ code, ...options }) });\n",
};

test("componentiseWithStarlingMonkey() finds the tool of the project, and leaves HTTP to a world that has it", async ({
  expect,
}) => {
  const folder = await mkdtemp(join(tmpdir(), "petiole-starlingmonkey-"));
  try {
    const tool = join(folder, "node_modules", "@bytecodealliance", "componentize-js");
    await mkdir(join(tool, "src"), { recursive: true });
    for (const [file, text] of Object.entries(TOOL)) await writeFile(join(tool, file), text);
    const asked = async (world: string): Promise<unknown> => {
      const input = { code: "export {};", wit: { world, packages: [] }, world: "x" };
      return JSON.parse(String(await componentiseWithStarlingMonkey(input, folder)));
    };
    expect(await asked("package a:b;\nworld x {}\n")).toMatchObject({
      code: "export {};",
      worldName: "x",
      disableFeatures: ["fetch-event", "http"],
    });
    expect(await asked("package a:b;\nworld x { export wasi:http/incoming-handler@0.2.2; }\n")).toMatchObject({
      disableFeatures: ["fetch-event"],
    });
  } finally {
    await rm(folder, { recursive: true });
  }
});
