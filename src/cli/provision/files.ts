// The files that setting up a device changes.

import { chmod, chown, open, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isErrno, syncFolder, writeFileAtomic } from "../../lib/files.ts";

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** For root and the agent's group, in one step; nothing is written when it is there already. */
export async function installConfig(path: string, text: string, group: number | undefined): Promise<void> {
  const mode = 0o640;
  const { existing, info } = await look(path);
  if (existing === text) {
    if (group !== undefined && info?.gid !== group) await chown(path, 0, group);
    if (group !== undefined && ((info?.mode ?? 0) & 0o777) !== mode) await chmod(path, mode);
    return;
  }
  await writeFileAtomic(path, text, mode, async (file) => {
    if (group !== undefined) await file.chown(0, group);
    // The unit's umask took the group's right away.
    await file.chmod(mode);
  });
}

async function look(path: string): Promise<{ existing?: string; info?: { gid: number; mode: number } }> {
  try {
    await using file = await open(path, "r");
    return { existing: await file.readFile("utf8"), info: await file.stat() };
  } catch (error) {
    if (isErrno(error, "ENOENT")) return {};
    throw error;
  }
}

/** What a disk writes whole or not at all. */
const SECTOR = 512;

/**
 * Writes over a file where it lies, and removes it then: on a FAT partition the text of a file that is only removed can
 * still be read. What the card itself moved elsewhere stays out of reach. The beginning goes first, so that a half of
 * it is never taken for the whole.
 */
export async function overwriteAndRemove(path: string): Promise<void> {
  try {
    await using file = await open(path, "r+");
    const { size } = await file.stat();
    const first = Math.min(size, SECTOR);
    await file.write(Buffer.alloc(first, "\n"), 0, first, 0);
    await file.sync();
    await file.write(Buffer.alloc(size - first, "\n"), 0, size - first, first);
    await file.sync();
  } catch (error) {
    if (isErrno(error, "ENOENT")) return;
    throw error;
  }
  await rm(path, { force: true });
  await syncFolder(dirname(path));
}

/** Whether somebody has begun to remove the file. */
export const isBlank = (text: string): boolean => /^\n+$/.test(text.slice(0, SECTOR));

const RESULT = "result.txt";

/** Beside the provisioning file, for whoever puts the card into another computer. A partition that takes it not is none the worse. */
export async function tellResult(file: string, text: string): Promise<void> {
  const path = join(dirname(file), RESULT);
  try {
    const before = await open(path, "r").then(
      async (handle) => {
        await using open = handle;
        return await open.readFile("utf8");
      },
      () => "",
    );
    // Retries that fail alike do not wear the card.
    if (before.split("\n", 1)[0] === text.split("\n", 1)[0]) return;
    await writeFile(path, text, { flush: true });
  } catch {
    // Read-only, or full.
  }
}

/** Who the agent is: whoever owns its state. Undefined when this is not root, and everything is one's own. */
export async function ownerOf(stateDir: string): Promise<Owner | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  try {
    return await stat(stateDir);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

/**
 * Does something in the agent's own folders as the agent's user: what lies there is not to be trusted by root, who would
 * follow a symbolic link to anywhere.
 */
export async function asOwner<T>(owner: Owner | undefined, work: () => Promise<T>): Promise<T> {
  if (owner === undefined || owner.uid === 0) return await work();
  const gid = process.getegid?.() ?? 0;
  process.setegid?.(owner.gid);
  process.seteuid?.(owner.uid);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
    process.setegid?.(gid);
  }
}
