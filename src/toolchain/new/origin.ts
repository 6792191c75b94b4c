// Where this petiole came from: a new project gets its own from there.

import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { VERSION } from "../../domain/version.ts";
import { toolchainFile } from "../place.ts";

export type Origin =
  /** The registry, or wherever npm finds a version. */
  | { readonly kind: "version"; readonly version: string }
  /** A file of `npm pack`. */
  | { readonly kind: "archive"; readonly file: string }
  /** The sources, which npm links. */
  | { readonly kind: "checkout"; readonly folder: string };

/** Of the package in `root`, where npm has installed it or a checkout is. */
export async function findOrigin(root = packageRoot()): Promise<Origin> {
  if (existsSync(join(root, "src", "cli", "main.ts"))) return { kind: "checkout", folder: root };
  const modules = dirname(root);
  const text = await readFile(join(modules, ".package-lock.json"), "utf8").catch(() => undefined);
  if (text !== undefined) {
    // npm wrote it.
    const { packages = {} } = JSON.parse(text) as {
      packages?: Readonly<Record<string, { readonly resolved?: string }>>;
    };
    const resolved = packages["node_modules/petiole"]?.resolved ?? "";
    const file = resolve(dirname(modules), decodeURI(resolved.replace(/^file:/, "")));
    if (resolved.startsWith("file:") && existsSync(file)) return { kind: "archive", file };
  }
  return { kind: "version", version: VERSION };
}

/** What a project's package.json has for it. */
export function dependencyOn(origin: Origin): string {
  if (origin.kind === "version") return origin.version;
  return `file:${origin.kind === "archive" ? origin.file : origin.folder}`;
}

/** Folder of petiole's package.json. The npm package has what is compiled two folders below it. */
function packageRoot(): string {
  const here = toolchainFile("");
  return existsSync(join(here, "src", "cli", "main.ts")) ? resolve(here) : resolve(here, "../..");
}
