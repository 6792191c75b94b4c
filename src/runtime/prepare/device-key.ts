// The key with which a device seals what it caches. Who has not got it cannot make an entry that is accepted.

import { createSecretKey, type KeyObject, randomBytes, randomUUID } from "node:crypto";
import { link, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { isErrno, readRegularFile, syncFolder, UnsuitableFile } from "../../lib/files.ts";
import type { Logger } from "../../lib/log.ts";

export interface DeviceKey {
  readonly key: KeyObject;
  /** False when it could not be kept: what is sealed with it is of no use to the next process. */
  readonly kept: boolean;
}

const KEY_SIZE = 32;
const OTHERS = 0o077;

/** A file that is there but holds no key that can be trusted. */
class UnfitKey extends Error {
  override readonly name = "UnfitKey";
}

/**
 * The key in `file`; a new one when there is none, or none that can be trusted: entries are made again then. What
 * cannot be read now may be the key all the same, and is left alone.
 */
export async function openDeviceKey(file: string, log: Logger): Promise<DeviceKey> {
  try {
    return { key: await findKey(file, log), kept: true };
  } catch (error) {
    log.warn("Key of the component cache cannot be kept, components are compiled at every start", { file, err: error });
    return { key: createSecretKey(randomBytes(KEY_SIZE)), kept: false };
  }
}

async function findKey(file: string, log: Logger): Promise<KeyObject> {
  let unfit: unknown;
  try {
    return await readKey(file);
  } catch (error) {
    if (error instanceof UnfitKey || error instanceof UnsuitableFile) unfit = error;
    else if (!isErrno(error, "ENOENT")) throw error;
  }
  const key = await writeKey(file, unfit !== undefined);
  if (unfit !== undefined) {
    log.warn("Key of the component cache is replaced, everything cached is made again", { file, err: unfit });
  }
  return key;
}

/** @throws UnfitKey or UnsuitableFile when what is there is to be replaced, else what reading failed with */
async function readKey(file: string): Promise<KeyObject> {
  const { bytes, stats } = await readRegularFile(file, { maxSize: KEY_SIZE });
  if (stats.uid !== process.getuid?.()) throw new Error("it belongs to another user");
  if ((stats.mode & OTHERS) !== 0) throw new UnfitKey("others may read it");
  if (bytes.byteLength !== KEY_SIZE) throw new UnfitKey(`it has ${bytes.byteLength} bytes`);
  return createSecretKey(bytes);
}

async function writeKey(file: string, replace: boolean): Promise<KeyObject> {
  const folder = dirname(file);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const temporary = `${file}.${randomUUID()}.tmp`;
  try {
    await using handle = await open(temporary, "wx", 0o600);
    await handle.writeFile(randomBytes(KEY_SIZE));
    await handle.sync();
    if (replace) await rename(temporary, file);
    // Not a rename: of two processes that start at a time, the second takes the key of the first.
    else await link(temporary, file);
    await syncFolder(folder);
  } catch (error) {
    if (replace || !isErrno(error, "EEXIST")) throw error;
  } finally {
    await rm(temporary, { force: true });
  }
  // Of two processes that replace it at a time, both take the key of the second.
  return readKey(file);
}
