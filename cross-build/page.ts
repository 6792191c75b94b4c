// Puts the live page into whatever is bundled. In a checkout src/ui/assets.ts reads the page's files and takes the types
// out; what is built gets a module in its place that has the files as texts, with the page's program in one piece: the
// executable by a plugin of its bundler (bundle.ts), the package for npm by writing it (npm/prepack.ts).

import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { rolldown, type Plugin } from "rolldown";

const UI = fileURLToPath(new URL("../src/ui/", import.meta.url));
const PAGE = `${UI}page/`;

export interface PageAsset {
  readonly type: string;
  readonly text: string;
}

/** Files of the page, by the path that a browser asks for. They are those of `loadAssets()`. */
export async function bundlePage(): Promise<ReadonlyMap<string, PageAsset>> {
  const read = async (name: string): Promise<string> => await readFile(`${PAGE}${name}`, "utf8");
  return new Map([
    ["/", { type: "text/html; charset=utf-8", text: shorter(await read("index.html")) }],
    ["/icon.svg", { type: "image/svg+xml", text: (await read("icon.svg")).trim() }],
    ["/main.ts", { type: "text/javascript; charset=utf-8", text: await bundleProgram() }],
    ["/page.css", { type: "text/css; charset=utf-8", text: shorter(await read("page.css")) }],
  ]);
}

/** Without what only indents: neither of the two files has a text that several spaces matter in. */
const shorter = (text: string): string => text.replaceAll(/\s*\n\s*/g, "\n").trim();

async function bundleProgram(): Promise<string> {
  await using build = await rolldown({ input: `${PAGE}main.ts`, platform: "browser" });
  const { output } = await build.generate({ format: "esm", minify: true, codeSplitting: false });
  const [program] = output;
  return program.code.trim();
}

/** What stands in for src/ui/assets.ts. */
export async function pageModule(): Promise<string> {
  return `export const loadAssets = async () => new Map(${JSON.stringify([...(await bundlePage())])});\n`;
}

/** For rolldown's `plugins`. */
export function pageAssets(): Plugin {
  return {
    name: "page-assets",
    async load(id) {
      if (id !== `${UI}assets.ts`) return null;
      return { code: await pageModule(), moduleType: "js" };
    },
  };
}
