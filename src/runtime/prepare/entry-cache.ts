// Components made ready to run, on disk: one file each, which appears whole, by a rename, and is verified before
// anything in it is looked at. Whatever is wrong with the cache costs time, and one line in the log, but no start.

import type { KeyObject } from "node:crypto";
import { mkdir, open, readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { isErrno, readRegularFile, syncFolder, UnsuitableFile } from "../../lib/files.ts";
import type { Logger } from "../../lib/log.ts";
import { decodeEntry, encodeEntry, TRAILER_SIZE, type EntryContent } from "./entry-format.ts";
import { planEviction } from "./plan-eviction.ts";
import { computeSeal, ENTRY_SUFFIX, entryName, isSealed, parseEntryName, type EntryId } from "./seal.ts";
import { isLeftover, isWork, workName } from "./work-name.ts";

export interface EntryCache {
  /** False means that nothing is stored: the key that seals it would not outlive the process. */
  readonly durable: boolean;
  /** The entries of a component for an engine, intact or not. */
  find(id: Pick<EntryId, "component" | "engineKey">): Promise<readonly EntryId[]>;
  /** Undefined when there is no entry, or none that is intact; that one is removed. */
  load(id: EntryId): Promise<EntryContent | undefined>;
  remove(id: EntryId): Promise<void>;
  /** False when it could not be stored, which is said in the log. */
  store(id: EntryId, content: EntryContent): Promise<boolean>;
  /** Removes what was being written by a process that is gone. */
  removeLeftovers(): Promise<void>;
}

export interface EntryCacheDeps {
  readonly folder: string;
  readonly key: KeyObject;
  readonly durable: boolean;
  /** Bytes that all entries together may have; the longest unused go. */
  readonly quota: number;
  readonly log: Logger;
}

/** Names of other forms, and of a process that cannot be told from one that took its number, are left for this long. */
const WORK_MAX_AGE = 60 * 60 * 1000;

export function createEntryCache(deps: EntryCacheDeps): EntryCache {
  const { folder, key, durable, quota, log } = deps;
  const path = (id: EntryId): string => join(folder, entryName(id));
  // A fault of the disk concerns all components: it is told once, until something works again.
  let told = false;
  const warn = (message: string, error: unknown): void => {
    log[told ? "debug" : "warn"](message, { folder, err: error });
    told = true;
  };

  async function load(id: EntryId): Promise<EntryContent | undefined> {
    if (!durable) return undefined;
    let bytes: Uint8Array<ArrayBuffer>;
    try {
      ({ bytes } = await readRegularFile(path(id), { maxSize: quota }));
    } catch (error) {
      if (error instanceof UnsuitableFile) await discard(id, error);
      else if (!isErrno(error, "ENOENT")) warn("Component cache cannot be read, components are compiled", error);
      return undefined;
    }
    try {
      const body = bytes.subarray(0, Math.max(0, bytes.byteLength - TRAILER_SIZE));
      const seal = bytes.subarray(body.byteLength);
      if (seal.byteLength !== TRAILER_SIZE || !(await isSealed(key, id, body, seal))) {
        throw new Error("its seal does not fit: it was changed, cut off, or made for something else");
      }
      const content = decodeEntry(body);
      // Tells what was used last. Who cannot write cannot remove either.
      await utimes(path(id), new Date(), new Date()).catch(() => {});
      return content;
    } catch (error) {
      await discard(id, error);
      return undefined;
    }
  }

  async function discard(id: EntryId, error: unknown): Promise<void> {
    log.warn("Cached component is damaged and will be made again", { component: id.component, err: error });
    await remove(id);
  }

  async function remove(id: EntryId): Promise<void> {
    await rm(path(id), { force: true, recursive: true }).catch(() => {}); // Who cannot remove cannot store either.
  }

  async function store(id: EntryId, content: EntryContent): Promise<boolean> {
    if (!durable) return false;
    const pieces = encodeEntry(content);
    const size = pieces.reduce((sum, piece) => sum + piece.byteLength, TRAILER_SIZE);
    if (size > quota) {
      log.warn("Component is larger than the component cache, it is compiled at every start", { size, quota });
      return false;
    }
    const work = join(folder, workName());
    try {
      const seal = await computeSeal(key, id, pieces);
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await makeRoom(size, entryName(id));
      await writePieces(work, [...pieces, seal]);
      await rename(work, path(id));
      await syncFolder(folder);
      told = false;
      return true;
    } catch (error) {
      await rm(work, { force: true }).catch(() => {});
      warn("Component cache cannot be written, components are compiled at every start", error);
      return false;
    }
  }

  /** Removes what is beyond the quota, and leftovers. What is being written counts as well. */
  async function makeRoom(size: number, replaced: string): Promise<void> {
    const entries: { readonly name: string; readonly size: number; readonly usedAt: number }[] = [];
    let taken = size;
    for (const name of await readdir(folder)) {
      const found = await stat(join(folder, name)).catch(() => undefined); // Undefined: another process removed it.
      if (found === undefined || name === replaced) continue;
      if (name.endsWith(ENTRY_SUFFIX)) entries.push({ name, size: found.size, usedAt: found.mtimeMs });
      else if (!isWork(name)) continue;
      // A clock that was set meanwhile takes an entry that is being written: it is compiled once more at the next start.
      else if (isLeftover(name) || Date.now() - found.mtimeMs > WORK_MAX_AGE) {
        await rm(join(folder, name), { recursive: true, force: true });
      } else taken += found.size;
    }
    for (const name of planEviction(entries, quota - taken)) {
      await rm(join(folder, name), { recursive: true, force: true });
    }
  }

  async function removeLeftovers(): Promise<void> {
    const names = durable ? await readdir(folder).catch(() => []) : [];
    for (const name of names.filter((one) => isLeftover(one))) {
      // What cannot be removed now is counted, and tried again.
      await rm(join(folder, name), { recursive: true, force: true }).catch(() => {});
    }
  }

  return {
    durable,
    async find({ component, engineKey }) {
      const names = durable ? await readdir(folder).catch(() => []) : [];
      return names.flatMap((name) => parseEntryName(name, { component, engineKey }) ?? []);
    },
    load,
    remove,
    store,
    removeLeftovers,
  };
}

async function writePieces(file: string, pieces: readonly Uint8Array[]): Promise<void> {
  await using handle = await open(file, "wx", 0o600);
  for (const piece of pieces) await handle.writeFile(piece);
  await handle.sync();
}
