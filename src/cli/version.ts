import { VERSION } from "../domain/version.ts";

export function version(options: { json?: true }): void {
  const { node, v8, uv } = process.versions;
  const versions = { petiole: VERSION, node, v8, uv, arch: process.arch };
  if (options.json === true) process.stdout.write(`${JSON.stringify(versions)}\n`);
  else process.stdout.write(`petiole ${VERSION} (node ${node}, V8 ${v8}, ${process.arch})\n`);
}
