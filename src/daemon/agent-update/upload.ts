// A release that comes over the control socket, in pieces: the service may not look into the folder of whoever has it.

import { open, rm } from "node:fs/promises";
import type { AgentUploadParams } from "../../adapters/control/protocol.ts";
import type { AgentFolder } from "../../adapters/versions/agent-folder.ts";
import { PetioleError } from "../../domain/errors.ts";
import { createExclusive } from "../../lib/exclusive.ts";
import { isErrno } from "../../lib/files.ts";
import { reasonOf } from "../../lib/reason.ts";

export interface Upload {
  /** Adds a piece; the first one begins anew. @throws PetioleError ERR_ARTIFACT_DISK, ERR_RELEASE_INVALID out of order */
  take(piece: AgentUploadParams): Promise<{ readonly size: number }>;
  file(): string;
  clear(): Promise<void>;
}

export function createUpload(folder: AgentFolder | undefined): Upload {
  const exclusive = createExclusive();
  const file = (): string => `${folder?.path ?? ""}/upload.release`;

  async function take({ offset, total, data }: AgentUploadParams): Promise<{ readonly size: number }> {
    if (offset === 0) {
      await rm(file(), { force: true });
      await folder?.needRoom(total);
    }
    await using handle = await open(file(), offset === 0 ? "wx" : "r+", 0o600);
    const { size } = await handle.stat();
    const bytes = Buffer.from(data, "base64");
    if (size !== offset || offset + bytes.byteLength > total) {
      const text = `Cannot take a piece of a release at ${offset} of ${total}: there are ${size} bytes`;
      throw new PetioleError("ERR_RELEASE_INVALID", text);
    }
    await handle.write(bytes, 0, bytes.byteLength, offset);
    return { size: offset + bytes.byteLength };
  }

  return {
    file,
    clear: () => rm(file(), { force: true }),
    take: (piece) =>
      exclusive.run(async () => {
        try {
          return await take(piece);
        } catch (cause) {
          if (cause instanceof PetioleError) throw cause;
          if (isErrno(cause, "ENOENT") && piece.offset > 0) {
            throw new PetioleError("ERR_RELEASE_INVALID", "Cannot take a piece of a release: it was not begun", {
              cause,
            });
          }
          const text = `Cannot keep the release in "${folder?.path}": ${reasonOf(cause)}`;
          throw new PetioleError("ERR_ARTIFACT_DISK", text, { cause });
        }
      }),
  };
}
