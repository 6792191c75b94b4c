import { VERSION } from "../domain/version.ts";
import { readAbout } from "../lib/about.ts";
import { GLUE_VERSION } from "../runtime/prepare/glue.ts";

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
