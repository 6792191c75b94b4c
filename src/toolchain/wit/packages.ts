// The WIT of a world: its own file, and the packages that it may name.

import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isErrno } from "../../lib/files.ts";
import { toolchainFile } from "../place.ts";

export interface WitPackage {
  /** Such as `wasi:keyvalue@0.2.0-draft`. */
  readonly id: string;
  /** Files of the package; more than one where a folder holds them. */
  readonly files: readonly string[];
  readonly texts: readonly string[];
}

export interface WitSource {
  /** Text of `world.wit`. */
  readonly world: string;
  /** The folder's own `deps`, and of petiole's packages those that it does not have. */
  readonly packages: readonly WitPackage[];
}

const DECLARATION = /^package ([^;{\s]+)\s*;/m;

/** Reads the folder of a world. @throws Error when a file cannot be read or is no package */
export async function readWit(folder: string): Promise<WitSource> {
  const own = await readPackages(join(folder, "deps"));
  const known = new Set(own.map(({ id }) => id));
  const shared = (await sharedPackages()).filter(({ id }) => !known.has(id));
  return { world: await readFile(join(folder, "world.wit"), "utf8"), packages: [...own, ...shared] };
}

/** Petiole's own packages and those that they depend on. */
export async function sharedPackages(): Promise<readonly WitPackage[]> {
  const folder = toolchainFile("wit");
  return [...(await readPackages(folder)), ...(await readPackages(join(folder, "deps")))];
}

/** Packages are files beside each other, or folders of files. None when there is no such folder. */
async function readPackages(folder: string): Promise<readonly WitPackage[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  });
  const packages: WitPackage[] = [];
  for (const entry of entries.sort((one, other) => (one.name < other.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    if (entry.isFile() && entry.name.endsWith(".wit")) packages.push(await readPackage([path]));
    if (entry.isDirectory() && entry.name !== "deps") {
      const names = (await readdir(path)).filter((name) => name.endsWith(".wit")).sort();
      if (names.length > 0) packages.push(await readPackage(names.map((name) => join(path, name))));
    }
  }
  return packages;
}

async function readPackage(files: readonly string[]): Promise<WitPackage> {
  const texts = await Promise.all(files.map((file) => readFile(file, "utf8")));
  const id = texts.map((text) => DECLARATION.exec(text)?.[1]).find((found) => found !== undefined);
  if (id === undefined) throw new Error(`Cannot use "${files.join(", ")}": found no "package name;"`);
  return { id, files, texts };
}

/**
 * World and packages as one WIT text: each package becomes a nested one, which is the form that a WIT parser without a
 * file system understands.
 */
export function joinWit({ world, packages }: WitSource): string {
  return [world, ...packages.map(nestPackage)].join("\n");
}

/** Turns `package a:b@1; …` into `package a:b@1 { … }`. */
export function nestPackage({ id, texts }: Pick<WitPackage, "id" | "texts">): string {
  const [first = "", ...rest] = texts.toSorted(
    (one, other) => Number(DECLARATION.test(other)) - Number(DECLARATION.test(one)),
  );
  const inside = rest.map((text) => text.replace(DECLARATION, ""));
  return `${first.replace(DECLARATION, `package ${id} {`)}${inside.join("\n")}\n}\n`;
}

/** The packages that a text names, and those that they name. In the order of `packages`. */
export function neededPackages({ world, packages }: WitSource): readonly WitPackage[] {
  const needed = new Set<WitPackage>();
  const look = (text: string): void => {
    for (const one of packages) {
      if (needed.has(one) || !namesPackage(text, one.id)) continue;
      needed.add(one);
      one.texts.forEach(look);
    }
  };
  look(world);
  return packages.filter((one) => needed.has(one));
}

function namesPackage(text: string, id: string): boolean {
  const [name = "", version] = id.split("@");
  const names = text.matchAll(/([a-z][a-z0-9-]*:[a-z][a-z0-9-]*)\/[a-z][a-z0-9-]*(?:@([0-9A-Za-z.+-]*[0-9A-Za-z]))?/g);
  return names.some(([, found, of]) => found === name && of === version);
}

/** Name of the world in the text of a `world.wit`. With several, the first. */
export function worldName(text: string): string | undefined {
  return /^\s*world ([a-z][a-z0-9-]*)/m.exec(text)?.[1];
}

/** A folder as tools want it, of texts that `change` has had. Disposing it removes it. */
export async function writeWit(
  { world, packages }: WitSource,
  change: (text: string) => string,
): Promise<AsyncDisposable & { readonly folder: string }> {
  const folder = await mkdtemp(join(tmpdir(), "petiole-wit-"));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    await writeFile(join(folder, "world.wit"), change(world));
    for (const [index, { texts }] of packages.entries()) {
      const target = join(folder, "deps", `package-${index}`);
      await mkdir(target, { recursive: true });
      for (const [place, text] of texts.entries()) await writeFile(join(target, `${place}.wit`), change(text));
    }
  } catch (error) {
    await remove();
    throw error;
  }
  return { folder, [Symbol.asyncDispose]: remove };
}
