// A bundle for each process and thread, as it is shipped: from the sources every start would also measure how fast
// Node strips types.

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

export interface Bundles {
  readonly main: string;
  readonly worker: string;
  readonly transpiler: string;
}

export async function bundleRuntime(folder: string, entry: string): Promise<Bundles> {
  const source = (path: string): string => fileURLToPath(new URL(`../../src/runtime/${path}`, import.meta.url));
  const make = async (name: string, input: string): Promise<string> => {
    await using build = await rolldown({
      input,
      platform: "node",
      // Stays where npm put it: it finds its own .wasm files beside itself.
      external: /^@bytecodealliance\//,
    });
    const dir = join(folder, name);
    await build.write({ dir, format: "esm", minify: true, entryFileNames: "entry.mjs", chunkFileNames: "[name].mjs" });
    return join(dir, "entry.mjs");
  };
  return {
    main: await make("main", entry),
    worker: await make("worker", source("worker/entry.ts")),
    transpiler: await make("transpiler", source("prepare/child.ts")),
  };
}
