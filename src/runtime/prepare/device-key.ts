// The key with which a device seals what it caches. Who has not got it cannot make an entry that is accepted.

import { createSecretKey, KeyObject, randomBytes, randomUUID } from "node:crypto";
import { link, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { isErrno, syncFolder } from "../../lib/files.ts";
import type { Logger } from "../../lib/log.ts";

export interface DeviceKey {
  readonly key: KeyObject;
  /** False when it could not be kept: what is sealed with it is of no use to the next process. */
  readonly kept: boolean;
}

const KEY_SIZE = 32;
const OTHERS = 0o077;

/** The key in `file`; a new one when there is none, or none that can be read and trusted. Entries are made again then. */
export async function openDeviceKey(file: string, log: Logger): Promise<DeviceKey> {
  const found = await readKey(file).catch((error: unknown) => (isErrno(error, "ENOENT") ? undefined : error));
  if (found instanceof KeyObject) return { key: found, kept: true };
  const unusable = found !== undefined;
  try {
    const key = await writeKey(file, unusable);
    if (unusable) {
      log.warn("Key of the component cache is replaced, everything cached is made again", { file, err: found });
    }
    return { key, kept: true };
  } catch (error) {
    log.warn("Key of the component cache cannot be kept, components are compiled at every start", { file, err: error });
    return { key: createSecretKey(randomBytes(KEY_SIZE)), kept: false };
  }
}

/** @throws when there is none that can be read and trusted */
async function readKey(file: string): Promise<KeyObject> {
  await using handle = await open(file, "r");
  const { mode, uid, size } = await handle.stat();
  if ((mode & OTHERS) !== 0) throw new Error("others may read it");
  if (uid !== process.getuid?.()) throw new Error("it belongs to another user");
  if (size !== KEY_SIZE) throw new Error(`it has ${size} bytes`);
  const content = await handle.readFile();
  if (content.byteLength !== KEY_SIZE) throw new Error("it changed while it was read");
  return createSecretKey(content);
}

async function writeKey(file: string, replace: boolean): Promise<KeyObject> {
  const folder = dirname(file);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const bytes = randomBytes(KEY_SIZE);
  const temporary = `${file}.${randomUUID()}.tmp`;
  try {
    await using handle = await open(temporary, "wx", 0o600);
    await handle.writeFile(bytes);
    await handle.sync();
    if (replace) await rename(temporary, file);
    // Not a rename: of two processes that start at a time, the second takes the key of the first.
    else await link(temporary, file);
    await syncFolder(folder);
    return createSecretKey(bytes);
  } catch (error) {
    if (replace || !isErrno(error, "EEXIST")) throw error;
    return await readKey(file);
  } finally {
    await rm(temporary, { force: true });
  }
}
