// What an update that was begun is remembered by until its outcome was told: a file beside the versions, as either version
// may be the one that reads it.

import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { isErrno, readSmallFile, syncFolder, writeFileAtomic } from "../../lib/files.ts";

const schema = z.object({
  from: z.string(),
  to: z.string(),
  digest: z.string(),
  /** Components that ran. */
  ran: z.array(z.string()),
});

export type PendingUpdate = Readonly<z.output<typeof schema>>;

const MAX_SIZE = 256 * 1024;
const fileIn = (folder: string): string => join(folder, "pending.json");

export async function writePending(folder: string, pending: PendingUpdate): Promise<void> {
  await writeFileAtomic(fileIn(folder), `${JSON.stringify(pending)}\n`);
}

/** Undefined when there is none, or it cannot be read: the versions themselves do not depend on it. */
export async function readPending(folder: string): Promise<PendingUpdate | undefined> {
  try {
    return schema.parse(JSON.parse(await readSmallFile(fileIn(folder), MAX_SIZE)));
  } catch (error) {
    if (isErrno(error, "ENOENT") || error instanceof SyntaxError || error instanceof z.ZodError) return undefined;
    throw error;
  }
}

export async function clearPending(folder: string): Promise<void> {
  await rm(fileIn(folder), { force: true });
  await syncFolder(dirname(fileIn(folder)));
}
