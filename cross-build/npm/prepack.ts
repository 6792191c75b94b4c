// npm pack: makes dist/npm, which the npm package consists of. It mirrors the repository, as JavaScript: Node strips no
// types inside node_modules. What is built for this kind of machine goes along; nothing is built or fetched when the
// package is installed.

import { cp, mkdir, rm, writeFile } from "node:fs/promises";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../bundle.ts";
import { run } from "../node.ts";
import { pageModule } from "../page.ts";
import { TARGETS } from "../targets.ts";

const OUT = join(ROOT, "dist", "npm");
const HOST = `${process.platform}-${process.arch}`;
/** Folders that go along as they are. */
const AS_THEY_ARE = ["wit", "templates"];
/** What other packages and projects see of the sources, and want types of. */
const DECLARED = ["src/guest/index.ts", "src/toolchain/testing/contract.ts"];

await rm(OUT, { recursive: true, force: true });
await mkdir(OUT, { recursive: true });
await compile();
await addPage();
for (const folder of AS_THEY_ARE) await cp(join(ROOT, folder), join(OUT, folder), { recursive: true });
await addNative();
const scope = { type: "module", imports: { "#provider": "./src/provider/index.js" } };
await writeFile(join(OUT, "package.json"), `${JSON.stringify(scope, null, 2)}\n`);

async function compile(): Promise<void> {
  const options = { extends: "../tsconfig.json", compilerOptions: { noEmit: false, noCheck: true, rootDir: ".." } };
  const sources = {
    ...options,
    compilerOptions: { ...options.compilerOptions, outDir: "npm", rewriteRelativeImportExtensions: true },
    include: ["../src/**/*.ts", "../providers/**/*.ts"],
    exclude: ["../**/*.test.ts"],
  };
  const declarations = {
    ...options,
    compilerOptions: {
      ...options.compilerOptions,
      outDir: "npm",
      declaration: true,
      emitDeclarationOnly: true,
      noCheck: false,
    },
    include: [],
    files: DECLARED.map((file) => `../${file}`),
  };
  for (const [name, config] of Object.entries({ sources, declarations })) {
    const file = join(ROOT, "dist", `npm.${name}.json`);
    await writeFile(file, JSON.stringify(config));
    run(process.execPath, ["node_modules/typescript/bin/tsc", "-p", file], "to compile the sources");
    await rm(file);
  }
}

/** The live page in one piece, in place of what reads it from a checkout. */
async function addPage(): Promise<void> {
  await writeFile(join(OUT, "src", "ui", "assets.js"), await pageModule());
  await rm(join(OUT, "src", "ui", "page"), { recursive: true });
}

/** Ours only: those of npm's packages come with them. A cross-compiled one goes along where there is one. */
async function addNative(): Promise<void> {
  run(process.execPath, ["scripts/build-native.ts", "--require"], "to build the add-ons");
  for (const target of Object.keys(TARGETS)) {
    const folder = join("native", "build", target);
    if (target !== HOST && !existsSync(join(ROOT, folder))) continue;
    await cp(join(ROOT, folder), join(OUT, folder), {
      recursive: true,
      filter: (path) => statSync(path).isDirectory() || /\.(?:node|so)$/.test(path),
    });
  }
}
