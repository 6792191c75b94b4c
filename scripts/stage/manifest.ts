// Manifests of the examples name the usual ports; a show takes free ones.

import { readFile, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Stage } from "./perform.ts";

/**
 * Writes a copy of a manifest into the stage's folder, with each text of `changes` replaced wherever it stands, and returns its
 * path. Files that it names are where they were. Throws when one of the texts is not there.
 */
export async function adaptManifest(
  { folder }: Pick<Stage, "folder">,
  file: string,
  changes: Readonly<Record<string, string>>,
): Promise<string> {
  const text = await readFile(file, "utf8");
  for (const found of Object.keys(changes)) {
    if (!text.includes(found)) throw new Error(`Cannot adapt "${file}": it does not have "${found}"`);
  }
  const changed = Object.entries(changes).reduce((rest, [found, wanted]) => rest.replaceAll(found, wanted), text);
  const copy = join(folder, basename(file));
  await writeFile(copy, changed.replaceAll(/file:\/\/(?!\/)/g, `file://${dirname(file)}/`));
  return copy;
}
