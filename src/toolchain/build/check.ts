// The type check of a project.

import { relative } from "node:path";
import { PetioleError } from "../../domain/errors.ts";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { readProjectWit, type Project } from "../project/project.ts";
import type { WitSource } from "../wit/packages.ts";
import { checkName, runCompiler, writeGuestTypes } from "./guest-types.ts";

/** Makes the types of the world, and checks the sources against them. @throws PetioleError ERR_BUILD_FAILED */
export async function checkProject(
  project: Project,
  { wit, signal }: { readonly wit?: WitSource; readonly signal?: AbortSignal } = {},
): Promise<void> {
  const config = await generateTypes(project, wit ?? (await readProjectWit(project)));
  const report = await runCompiler(config, { cwd: project.folder, ...(signal !== undefined && { signal }) });
  if (report !== undefined) throw failed(project, explainReport(report, project));
}

/** Writes the types alone, for editors. Returns the tsconfig of the check. */
export async function generateTypes(project: Project, wit: WitSource): Promise<string> {
  const { entry, world, types, engine, folder } = project;
  const base = join(folder, "tsconfig.json");
  if (!existsSync(base)) {
    throw new PetioleError("ERR_PROJECT_INVALID", `Cannot check "${folder}": it has no tsconfig.json`);
  }
  if (!existsSync(entry)) {
    throw new PetioleError("ERR_PROJECT_INVALID", `Cannot build "${folder}": there is no "${relative(folder, entry)}"`);
  }
  return await writeGuestTypes({ entry, world, types, engine, wit, base });
}

const failed = ({ name }: Project, report: string): PetioleError =>
  new PetioleError("ERR_BUILD_FAILED", `Cannot build "${name}":\n${report}`);

/** In the comparison of a guest with its world, neither its place nor the names of the modules mean anything to people. */
export function explainReport(
  report: string,
  { folder, types, world, entry, wit }: Pick<Project, "folder" | "types" | "world" | "entry" | "wit">,
): string {
  const check = join(relative(folder, types), checkName(world));
  const [guest, contract] = [relative(folder, entry), relative(folder, join(wit, "world.wit"))];
  const head = `${guest}: its exports are not those of the world "${world}" in ${contract}`;
  return report
    .split("\n")
    .map((line) => {
      if (!line.startsWith(check)) return line;
      const fault = line.replace(/^.*?: error TS\d+: /, "");
      return `${head}: ${fault}`.replaceAll(/'typeof import\("([^"]*)"[^']*\)'/g, (_all, module: string) =>
        module.includes(":") ? "the world" : guest,
      );
    })
    .join("\n");
}
