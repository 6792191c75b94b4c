// `petiole new`: a project of a component, from a template.

import { chmod, mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { PetioleError } from "../../domain/errors.ts";
import { reasonOf } from "../../lib/reason.ts";
import { generateTypes } from "../build/check.ts";
import { readProject, readProjectWit } from "../project/project.ts";
import { dependencyOn, findOrigin, type Origin } from "./origin.ts";
import { fillTemplate } from "./templates.ts";

export interface NewProject {
  readonly folder: string;
  readonly name: string;
  readonly template: string;
  /** Paths in the folder. */
  readonly files: ReadonlyMap<string, string>;
  readonly origin: Origin;
}

const NAME = /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/;
/** What WIT has for itself: a world cannot be called so. */
const KEYWORDS = new Set(
  "as async bool borrow char constructor enum error-context export f32 f64 flags from func future import include interface list map option own package record resource result s16 s32 s64 s8 static stream string tuple type u16 u32 u64 u8 use variant with world".split(
    " ",
  ),
);

/** The package itself, and a file beside the types of the world. */
const OURS = new Set(["petiole", "globals"]);

/** What a project would be; nothing is written. @throws PetioleError ERR_PROJECT_NEW */
export async function planProject(
  name: string,
  { template, folder: wanted }: { readonly template: string; readonly folder?: string | undefined },
): Promise<NewProject> {
  const refuse = (reason: string): PetioleError =>
    new PetioleError("ERR_PROJECT_NEW", `Cannot make "${name}": ${reason}`);
  if (!NAME.test(name) || name.length > 64) {
    throw refuse("want a name of small letters, digits and single -, beginning with a letter, such as roof-sensor");
  }
  if (KEYWORDS.has(name) || OURS.has(name)) throw refuse("the name has a meaning of its own, want another one");
  const folder = resolve(wanted ?? name);
  if (existsSync(folder)) throw refuse(`"${folder}" is there already`);
  if (!existsSync(dirname(folder))) throw refuse(`there is no folder "${dirname(folder)}"`);
  const origin = await findOrigin();
  const files = new Map(await fillTemplate(template, name));
  files.set("package.json", `${JSON.stringify(packageOf(name, origin), null, 2)}\n`);
  return { folder, name, template, files, origin };
}

function packageOf(name: string, origin: Origin): unknown {
  return {
    name,
    version: "0.1.0",
    private: true,
    type: "module",
    scripts: { build: "petiole build", dev: "petiole dev", test: "petiole test" },
    devDependencies: { petiole: dependencyOn(origin) },
    petiole: {},
  };
}

/** Writes a project. It is there as a whole, or not at all. @throws PetioleError ERR_PROJECT_NEW */
export async function writeProject({ folder, name, files, origin }: NewProject): Promise<void> {
  let work: string | undefined;
  try {
    work = await mkdtemp(join(dirname(folder), `.${basename(folder)}-`));
    for (const [path, text] of files) {
      const file = join(work, path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, text);
    }
    if (origin.kind === "checkout") await linkCheckout(work, origin.folder);
    const project = await readProject(work);
    // For editors, before anything is built.
    await generateTypes(project, await readProjectWit(project));
    // A temporary folder is for its owner alone, one that somebody makes is what their umask says.
    await chmod(work, 0o777 & ~process.umask());
    await mkdir(folder);
    await rename(work, folder);
  } catch (cause) {
    if (work !== undefined) await rm(work, { recursive: true, force: true });
    throw new PetioleError("ERR_PROJECT_NEW", `Cannot make "${name}" in "${folder}": ${reasonOf(cause)}`, { cause });
  }
}

/** As npm would do it, which would look after the checkout's own packages, too. */
async function linkCheckout(folder: string, checkout: string): Promise<void> {
  await mkdir(join(folder, "node_modules", ".bin"), { recursive: true });
  await symlink(checkout, join(folder, "node_modules", "petiole"));
  await symlink("../petiole/scripts/npx-petiole", join(folder, "node_modules", ".bin", "petiole"));
}
