// The engine of Firefox instead of QuickJS: larger by 8 MB and faster. Its tool is not part of petiole.

import { readFile } from "node:fs/promises";
import { findPackageJSON } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { z } from "zod";
import { PetioleError } from "../../domain/errors.ts";
import { reasonOf } from "../../lib/reason.ts";
import { neededPackages, writeWit } from "../wit/packages.ts";
import type { ComponentiseInput } from "./componentise.ts";

const TOOL = "@bytecodealliance/componentize-js";

/** As far as it is used here. */
interface Tool {
  componentize(source: string, options: Readonly<Record<string, unknown>>): Promise<{ readonly component: Uint8Array }>;
}

/** @throws PetioleError ERR_TOOLCHAIN_MISSING unless the project has the tool; ERR_BUILD_FAILED */
export async function componentiseWithStarlingMonkey(
  { code, wit, world }: ComponentiseInput,
  project: string,
): Promise<Uint8Array> {
  const tool = await loadTool(project);
  await using packages = await writeWit({ ...wit, packages: neededPackages(wit) }, (text) => text);
  try {
    const { component } = await tool.componentize(code, {
      witPath: packages.folder,
      worldName: world,
      // What the engine would import without being asked: `fetch`, and a handler of its own for requests. A guest that has
      // HTTP in its world shares the engine's, and traps without.
      disableFeatures: ["fetch-event", ...(/wasi:http[/@]/.test(wit.world) ? [] : ["http"])],
    });
    return component;
  } catch (cause) {
    throw new PetioleError(
      "ERR_BUILD_FAILED",
      `Cannot make a component with StarlingMonkey for the world "${world}": ${reasonOf(cause)}`,
      { cause },
    );
  }
}

async function loadTool(project: string): Promise<Tool> {
  let manifest: string | undefined;
  try {
    manifest = findPackageJSON(TOOL, pathToFileURL(join(project, "package.json")));
  } catch (cause) {
    throw missing(project, cause);
  }
  if (manifest === undefined) throw missing(project);
  const { exports } = packageSchema.parse(JSON.parse(await readFile(manifest, "utf8")));
  const entry = join(dirname(manifest), typeof exports === "string" ? exports : exports.import);
  // An unknown module: only what is used of it is declared, and a fault of its form shows when it is called.
  return (await import(pathToFileURL(entry).href)) as Tool;
}

/** It is found by hand: it lets itself be imported only, and Node resolves an import only as seen from the file that has it. */
const packageSchema = z.object({
  exports: z.union([
    z.string(),
    z.object({ import: z.string() }),
    z.object({ ".": z.object({ import: z.string() }) }).transform((all) => all["."]),
  ]),
});

const missing = (project: string, cause?: unknown): PetioleError =>
  new PetioleError(
    "ERR_TOOLCHAIN_MISSING",
    `Cannot build with StarlingMonkey: "${TOOL}" is not installed in "${project}"; npm install --save-dev ${TOOL} gets it`,
    { cause },
  );
