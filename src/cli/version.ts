import { readFileSync } from "node:fs";
import { VERSION } from "../domain/version.ts";
import { assetFile, isExecutable } from "../lib/parts.ts";
import { GLUE_VERSION } from "../runtime/prepare/glue.ts";

/** What the build writes about the executable (cross-build/about.ts). */
interface About {
  /** Commit that it was built from, with "-dirty" when something was changed. */
  readonly commit: string;
  readonly target: string;
  /** SQLite inside better-sqlite3. */
  readonly sqlite: string;
  readonly packages: Readonly<Record<string, string>>;
  readonly natsServer?: string;
}

export function version(options: { json?: true }): void {
  const { node, v8, uv } = process.versions;
  const about = readAbout();
  if (options.json === true) {
    const own = { petiole: VERSION, node, v8, uv, arch: process.arch, glue: GLUE_VERSION };
    process.stdout.write(`${JSON.stringify({ ...own, ...about })}\n`);
    return;
  }
  const commit = about === undefined ? "" : `, ${about.commit.slice(0, 12)}`;
  process.stdout.write(`petiole ${VERSION} (node ${node}, V8 ${v8}, ${process.arch}${commit})\n`);
}

/** Undefined in a checkout, which says it all by itself. */
function readAbout(): About | undefined {
  if (!isExecutable()) return undefined;
  return JSON.parse(readFileSync(assetFile("about.json"), "utf8")) as About; // Written by our own build.
}
