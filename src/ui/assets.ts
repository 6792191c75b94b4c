// The files of the page, from a checkout: the browser gets the modules one by one, without their types. Whatever is
// built from the sources has page-assets.ts of cross-build/page.ts in place of this module, with the whole page inside.

import { readdir, readFile } from "node:fs/promises";
import { stripTypeScriptTypes } from "node:module";
import { extname, join } from "node:path";

export interface Asset {
  /** Of the header `content-type`. */
  readonly type: string;
  readonly text: string;
}

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".ts": "text/javascript; charset=utf-8",
};

/** Files of the page, by the path that a browser asks for. */
export async function loadAssets(): Promise<ReadonlyMap<string, Asset>> {
  const folder = join(import.meta.dirname, "page");
  const assets = new Map<string, Asset>();
  for (const name of (await readdir(folder)).sort()) {
    const type = TYPES[extname(name)];
    if (type === undefined || name.endsWith(".test.ts")) continue;
    const text = await readFile(join(folder, name), "utf8");
    const path = name === "index.html" ? "/" : `/${name}`;
    assets.set(path, { type, text: name.endsWith(".ts") ? stripTypeScriptTypes(text) : text });
  }
  return assets;
}
