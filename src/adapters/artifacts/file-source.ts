import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import type { FileReference } from "../../domain/artifact-reference.ts";
import { PetioleError } from "../../domain/errors.ts";
import { isErrno } from "../../lib/files.ts";
import { reasonOf } from "../../lib/reason.ts";
import type { ArtifactSource } from "./source.ts";

/** A file of the device, such as on a stick. */
export function createFileSource({ path }: FileReference): ArtifactSource {
  return {
    async resolve(_known, signal) {
      const hash = createHash("sha256");
      let size = 0;
      for await (const chunk of read(path, 0, signal)) {
        hash.update(chunk);
        size += chunk.byteLength;
      }
      const digest = `sha256:${hash.digest("hex")}`;
      return { digest, content: digest, size, annotations: {} };
    },
    open: async (_resolution, offset, signal) => ({ start: offset, chunks: read(path, offset, signal) }),
    [Symbol.asyncDispose]: async () => {},
  };
}

async function* read(path: string, start: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of createReadStream(path, { start, signal })) yield chunk as Buffer; // No encoding is set.
  } catch (cause) {
    if (signal.aborted) throw signal.reason;
    const code = isErrno(cause, "ENOENT") ? "ERR_ARTIFACT_NOT_FOUND" : "ERR_ARTIFACT_UNREACHABLE";
    throw new PetioleError(code, `Cannot read "${path}": ${reasonOf(cause)}`, { cause });
  }
}
