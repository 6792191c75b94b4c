// What a component serves to browsers, as text in its code: `import page from "./page.html?text"` is the file as it is,
// `import script from "./page.ts?browser"` is the file, and what it imports, as one module that a browser runs.

import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import type { Plugin } from "rolldown";

const SPECIFIER = /\?(text|browser)$/;

export function pageText(): Plugin {
  return {
    name: "page-text",
    resolveId(specifier, importer) {
      if (!SPECIFIER.test(specifier) || importer === undefined) return undefined;
      return resolve(dirname(importer), specifier);
    },
    async load(id) {
      const kind = SPECIFIER.exec(id)?.[1];
      if (kind === undefined) return undefined;
      const file = id.replace(SPECIFIER, "");
      const { text, files } = kind === "text" ? await readText(file) : await bundleScript(file);
      for (const one of files) this.addWatchFile(one);
      return { code: `export default ${JSON.stringify(text)};`, moduleType: "js" };
    },
  };
}

interface PageText {
  readonly text: string;
  /** What it was made of. */
  readonly files: readonly string[];
}

const readText = async (file: string): Promise<PageText> => ({ text: await readFile(file, "utf8"), files: [file] });

async function bundleScript(file: string): Promise<PageText> {
  const { rolldown } = await import("rolldown");
  await using build = await rolldown({
    input: file,
    platform: "browser",
    // Whatever cannot be resolved would be asked of the component's server.
    onLog: (level, log) => {
      if (level === "warn") throw new Error(log.message);
    },
  });
  const { output } = await build.generate({ format: "esm", codeSplitting: false });
  return { text: output[0].code, files: output[0].moduleIds };
}
