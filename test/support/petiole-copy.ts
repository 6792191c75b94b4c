// A petiole of another version, made from the sources, as an executable that a release can hold.

import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "..", "..");
const SHARED = ["node_modules", "native", "wit"] as const;

/** Replaces a text in one of the sources of a copy. */
export interface SourceChange {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** Copies the sources to `folder` with another version in them, and returns the path of an executable. */
export function copyPetiole(folder: string, version: string, changes: readonly SourceChange[] = []): string {
  mkdirSync(folder, { recursive: true });
  for (const part of ["src", "providers"]) cpSync(join(ROOT, part), join(folder, part), { recursive: true });
  for (const part of ["package.json"]) cpSync(join(ROOT, part), join(folder, part));
  for (const part of SHARED) symlinkSync(join(ROOT, part), join(folder, part));
  const found = /VERSION = "([^"]+)"/.exec(readFileSync(join(ROOT, "src", "domain", "version.ts"), "utf8"))?.[1] ?? "";
  for (const { file, from, to } of [{ file: "src/domain/version.ts", from: found, to: version }, ...changes]) {
    const path = join(folder, file);
    const text = readFileSync(path, "utf8");
    if (!text.includes(from)) throw new Error(`${file} has no "${from}"`);
    writeFileSync(path, text.replace(from, to));
  }
  const executable = join(folder, "petiole");
  const flags = /exec [\s\S]*?\\\n([\s\S]*?)"\$here/.exec(readFileSync(join(ROOT, "scripts", "petiole"), "utf8"))?.[1];
  const command = `"${join(ROOT, "node_modules", ".bin", "node")}" ${flags?.replaceAll("\\\n", " ") ?? ""}`;
  writeFileSync(executable, `#!/bin/sh\nexec ${command} "${join(folder, "src", "cli", "main.ts")}" "$@"\n`, {
    mode: 0o755,
  });
  return executable;
}
