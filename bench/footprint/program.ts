// What is measured: an executable that npm run build made.

import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const TARGET = `${process.platform}-${process.arch}`;

/** @throws Error when there is none */
export function findProgram(named: string | undefined): string {
  const program = resolve(named ?? `${ROOT}dist/${TARGET}/petiole`);
  if (existsSync(program)) return program;
  throw new Error(
    `Found no executable "${program}": npm run build -- --target ${TARGET} makes one, --binary names another`,
  );
}
