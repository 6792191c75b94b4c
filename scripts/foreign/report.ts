// node scripts/foreign/report.ts: writes the table of docs/compatibility.md.

import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { writeFileAtomic } from "../../src/lib/files.ts";
import { FOREIGN_COMPONENTS } from "../../test/foreign/manifest/index.ts";
import { withTable } from "../../test/foreign/table.ts";

const file = fileURLToPath(new URL("../../docs/compatibility.md", import.meta.url));
await writeFileAtomic(file, withTable(await readFile(file, "utf8"), FOREIGN_COMPONENTS), 0o644);
