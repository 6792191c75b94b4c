// node scripts/foreign/pack.ts <folder>: takes the components of a folder (scripts/foreign/build.sh makes it) into test/foreign.

import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { brotliCompress, constants } from "node:zlib";

const TARGET = fileURLToPath(new URL("../../test/foreign/components/", import.meta.url));
const compress = promisify(brotliCompress);

const folder = process.argv[2];
if (folder === undefined) throw new Error("Cannot pack components: want the folder that they are in");

const sums: string[] = [];
let packed = 0;
await rm(TARGET, { recursive: true, force: true });
await mkdir(TARGET, { recursive: true });
for (const file of (await readdir(folder)).filter((name) => name.endsWith(".wasm")).sort()) {
  const bytes = await readFile(join(folder, file));
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 24 };
  const compressed = await compress(bytes, { params });
  await writeFile(join(TARGET, `${file}.br`), compressed);
  sums.push(`${createHash("sha256").update(bytes).digest("hex")}  ${basename(file)}\n`);
  packed += compressed.byteLength;
}
await writeFile(join(TARGET, "SHA256SUMS"), sums.join(""));
console.log(`${sums.length} components, ${(packed / 1024).toFixed(0)} KiB packed`);
