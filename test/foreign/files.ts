// Where the components are.

import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { brotliDecompress } from "node:zlib";
import type { ForeignComponent } from "./foreign-component.ts";

const PACKED = fileURLToPath(new URL("./components/", import.meta.url));
/** Where scripts/foreign/fetch.ts puts what it fetches. */
export const FETCHED_FOLDER = fileURLToPath(new URL("../../.cache/foreign/", import.meta.url));

const decompress = promisify(brotliDecompress);

export function fetchedFile(wheel: string, path: string): string {
  return join(FETCHED_FOLDER, wheel.replace(/\.whl$/, ""), path);
}

/** True when the file is on this machine. */
export function isAvailable({ fetched }: ForeignComponent): boolean {
  return fetched === undefined || existsSync(fetchedFile(fetched.wheel, fetched.path));
}

/** Digests of the packed components, by name. */
export async function packedDigests(): Promise<ReadonlyMap<string, string>> {
  const lines = (await readFile(join(PACKED, "SHA256SUMS"), "utf8")).trimEnd().split("\n");
  return new Map(lines.map((line) => [line.slice(66).replace(/\.wasm$/, ""), line.slice(0, 64)]));
}

/** The component's file, unpacked into `folder` when it is a packed one. Checked against its digest. */
export async function componentFile(component: ForeignComponent, folder: string): Promise<string> {
  const { fetched } = component;
  if (fetched !== undefined) {
    const file = fetchedFile(fetched.wheel, fetched.path);
    checkDigest(component.name, await readFile(file), fetched.sha256);
    return file;
  }
  const name = component.packed ?? component.name;
  const bytes = await decompress(await readFile(join(PACKED, `${name}.wasm.br`)));
  checkDigest(name, bytes, (await packedDigests()).get(name));
  const file = join(folder, `${name}.wasm`);
  await writeFile(file, bytes);
  return file;
}

function checkDigest(name: string, bytes: Uint8Array, wanted: string | undefined): void {
  const found = createHash("sha256").update(bytes).digest("hex");
  if (found !== wanted) throw new Error(`Component "${name}" has the digest ${found}, want ${wanted ?? "one"}`);
}
