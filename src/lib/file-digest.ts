import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { pipeline } from "node:stream/promises";

/** What is larger is no component. */
const MOST_BYTES = 256 * 1024 * 1024;

/** `sha256:<hex>` of a file's bytes; undefined when it cannot be read, or is none, or too large. */
export async function digestOfFile(file: string): Promise<string | undefined> {
  const hash = createHash("sha256");
  try {
    const found = await stat(file);
    if (!found.isFile() || found.size > MOST_BYTES) return undefined;
    await pipeline(createReadStream(file, { end: MOST_BYTES }), hash);
  } catch {
    return undefined;
  }
  return `sha256:${hash.digest("hex")}`;
}
