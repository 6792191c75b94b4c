// npm run docs:reference: writes the pages of docs/reference from the code. test/reference.test.ts holds that they are up to date.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { unexplained } from "./reference/configuration.ts";
import { REFERENCE_PAGES } from "./reference/pages.ts";

const FOLDER = fileURLToPath(new URL("../docs/reference/", import.meta.url));

mkdirSync(FOLDER, { recursive: true });
for (const [name, make] of Object.entries(REFERENCE_PAGES)) {
  writeFileSync(join(FOLDER, name), make());
  console.log(`docs/reference/${name}`);
}
const missing = unexplained();
for (const line of missing) console.error(line);
process.exitCode = missing.length === 0 ? 0 : 1;
