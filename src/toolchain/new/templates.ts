// The templates that projects are made of: templates/NAME, and templates/common for all of them.

import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { PetioleError } from "../../domain/errors.ts";
import { toolchainFile } from "../place.ts";
import { neededPackages, sharedPackages } from "../wit/packages.ts";

export interface Template {
  readonly name: string;
  readonly description: string;
}

/** What the templates call the component. */
const PLACEHOLDER = /my-component/g;
const COMMON = "common";
const ABOUT = "template.json";

export async function listTemplates(): Promise<readonly Template[]> {
  const folder = toolchainFile("templates");
  const names = (await readdir(folder)).filter((name) => name !== COMMON).sort();
  return await Promise.all(
    names.map(async (name) => {
      // Our own file.
      const { description } = JSON.parse(await readFile(join(folder, name, ABOUT), "utf8")) as Omit<Template, "name">;
      return { name, description };
    }),
  );
}

/** Files of a project, by their path in it. @throws PetioleError ERR_PROJECT_NEW when there is no such template */
export async function fillTemplate(template: string, name: string): Promise<ReadonlyMap<string, string>> {
  const templates = await listTemplates();
  if (!templates.some((one) => one.name === template)) {
    throw new PetioleError(
      "ERR_PROJECT_NEW",
      `Cannot make "${name}": there is no template "${template}", want one of ${templates.map((one) => one.name).join(", ")}`,
    );
  }
  const files = new Map<string, string>();
  for (const folder of [COMMON, template].map((one) => toolchainFile(`templates/${one}`))) {
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (!entry.isFile() || entry.name === ABOUT) continue;
      // npm packs no file of this name.
      const place = relative(folder, path).replace(/(^|\/)gitignore$/, "$1.gitignore");
      files.set(place, (await readFile(path, "utf8")).replaceAll(PLACEHOLDER, name));
    }
  }
  const world = files.get("wit/world.wit") ?? "";
  for (const { id, texts } of neededPackages({ world, packages: await sharedPackages() })) {
    files.set(`wit/deps/${id.replace(/@.*/, "").replace(":", "-")}.wit`, texts.join("\n"));
  }
  return files;
}
