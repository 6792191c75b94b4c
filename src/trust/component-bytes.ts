import { createHash } from "node:crypto";
import { PetioleError } from "../domain/errors.ts";
import { mebibytes } from "../domain/units.ts";
import type { Digest } from "../domain/workload.ts";
import { readRegularFile } from "../lib/files.ts";
import { reasonOf } from "../lib/reason.ts";

/** As large as what a device runs may be. */
const MAX_SIZE = mebibytes(64);

/** @throws PetioleError ERR_COMPONENT_UNREADABLE */
export async function readComponentBytes(
  file: string,
): Promise<{ readonly bytes: Uint8Array; readonly digest: Digest }> {
  try {
    const { bytes } = await readRegularFile(file, { maxSize: MAX_SIZE });
    return { bytes, digest: `sha256:${createHash("sha256").update(bytes).digest("hex")}` };
  } catch (cause) {
    throw new PetioleError("ERR_COMPONENT_UNREADABLE", `Cannot read the component "${file}": ${reasonOf(cause)}`, {
      cause,
    });
  }
}
