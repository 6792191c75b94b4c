// npm run bundle:device-suites -- --target linux-arm64 --out FOLDER
//
// Makes programs of the conformance suites that need a device, for a machine where nothing but Node is: FOLDER/suites/run/gpio.mjs,
// with the add-on where they look for it. `node FOLDER/suites/run/gpio.mjs` runs them there.

import { copyFile, mkdir } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "rolldown";
import { deviceAddonPath } from "../src/lib/device-io.ts";

const ROOT = fileURLToPath(new URL("../", import.meta.url));

const { values } = parseArgs({
  options: { target: { type: "string", default: `${process.platform}-${process.arch}` }, out: { type: "string" } },
});
if (values.out === undefined) throw new Error("Want --out FOLDER");

await build({
  input: { gpio: join(ROOT, "test/device/gpio.ts") },
  cwd: ROOT,
  platform: "node",
  resolve: { alias: { vitest: join(ROOT, "test/device/bare-vitest.ts") } },
  output: {
    dir: join(values.out, "suites/run"),
    format: "esm",
    entryFileNames: "[name].mjs",
    chunkFileNames: "[name].mjs",
  },
});
// Their place beside each other is as in the repository: two folders up, and down again.
const addon = deviceAddonPath(values.target);
const copy = join(values.out, relative(ROOT, addon));
await mkdir(dirname(copy), { recursive: true });
await copyFile(addon, copy);
console.log(`${values.out}: node suites/run/gpio.mjs`);
