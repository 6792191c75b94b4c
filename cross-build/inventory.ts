// What an executable is made of besides petiole: the npm packages whose modules are inside, and Node with its own parts.

import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { ROOT } from "./bundle.ts";

/** A package of npm that is inside. */
export interface BundledPackage {
  /** Where it is installed, such as "node_modules/pg". */
  readonly folder: string;
  readonly name: string;
  readonly version: string;
  /** SPDX expression. */
  readonly licence: string;
  /** Of npm's archive, as package-lock.json has it: "sha512-" and base64. */
  readonly integrity: string | undefined;
  /** Folders of the packages that it uses and that are inside too. */
  readonly uses: readonly string[];
  /** Texts of its licence files; none when it has none. */
  readonly texts: readonly string[];
}

interface LockEntry {
  readonly integrity?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
}

const LICENCE_FILE = /^(?:licen[cs]e|copying|notice)(?:[.-].*)?$/i;

/** The folders of the packages that modules are of; both as paths from the repository's root. */
export function packageFolders(modules: readonly string[]): readonly string[] {
  const folders = modules.flatMap((path) => {
    const match = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(path);
    return match === null ? [] : [match[0]];
  });
  return [...new Set(folders)].sort();
}

/** The packages that modules are of, by folder. @throws Error when one does not say its licence */
export async function listPackages(modules: readonly string[]): Promise<readonly BundledPackage[]> {
  // npm wrote it.
  const lock = JSON.parse(await readFile(join(ROOT, "package-lock.json"), "utf8")) as {
    readonly packages: Readonly<Record<string, LockEntry>>;
  };
  const folders = packageFolders(modules);
  return await Promise.all(
    folders.map(async (folder) => {
      const manifest = JSON.parse(await readFile(join(ROOT, folder, "package.json"), "utf8")) as Manifest;
      const { name, version, license: licence } = manifest;
      if (licence === undefined) throw new Error(`Package "${name}" in "${folder}" does not say its licence`);
      const { integrity, ...entry } = lock.packages[folder] ?? {};
      const used = { ...entry.dependencies, ...entry.optionalDependencies, ...entry.peerDependencies };
      const uses = Object.keys(used).flatMap((one) => resolvePackage(folder, one, folders) ?? []);
      return {
        folder,
        name,
        version,
        licence,
        integrity,
        uses: uses.sort(),
        texts: await licenceTexts(join(ROOT, folder)),
      };
    }),
  );
}

/** Where Node finds `name` for a package in `folder`. */
export function resolvePackage(folder: string, name: string, folders: readonly string[]): string | undefined {
  for (let at = folder; ;) {
    const candidate = at === "" ? `node_modules/${name}` : `${at}/node_modules/${name}`;
    if (folders.includes(candidate)) return candidate;
    if (at === "") return undefined;
    const above = at.lastIndexOf("node_modules/");
    at = above <= 0 ? "" : at.slice(0, above - 1);
  }
}

/** What the licence files in a folder say. */
export async function licenceTexts(folder: string): Promise<readonly string[]> {
  const names = (await readdir(folder)).filter((name) => LICENCE_FILE.test(basename(name))).sort();
  return await Promise.all(names.map(async (name) => (await readFile(join(folder, name), "utf8")).trim()));
}

/** What Node says it is made of, less numbers of its interfaces and what it was built without. */
export function nodeParts(versions: NodeJS.ProcessVersions): readonly (readonly [name: string, version: string])[] {
  const interfaces = new Set(["node", "modules", "napi"]);
  return Object.entries(versions)
    .flatMap(([name, version]) => (interfaces.has(name) || !version ? [] : [[name, version] as const]))
    .sort(([one], [other]) => (one < other ? -1 : 1));
}
