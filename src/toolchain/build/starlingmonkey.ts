// The engine of Firefox instead of QuickJS: larger by 8 MB and faster. Its tool is not part of petiole.

import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
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
      // What the engine would import without being asked: `fetch` and its own log of failures.
      disableFeatures: ["fetch-event", "http"],
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
  let path: string;
  try {
    path = createRequire(join(project, "package.json")).resolve(TOOL);
  } catch (cause) {
    throw new PetioleError(
      "ERR_TOOLCHAIN_MISSING",
      `Cannot build with StarlingMonkey: "${TOOL}" is not installed in "${project}"; npm install --save-dev ${TOOL} gets it`,
      { cause },
    );
  }
  // An unknown module: only what is used of it is declared, and a fault of its form shows when it is called.
  return (await import(pathToFileURL(path).href)) as Tool;
}
