import {
  closeSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
} from "node:fs";
import { join } from "node:path";
import { PetioleError } from "../../domain/errors.ts";
import { isErrno } from "../../lib/files.ts";
import { PAGE_SIZE } from "./row.ts";
import { syncFolderNow } from "./sequence.ts";
import { isSqliteFailure, openDatabase } from "./sqlite.ts";

const DATABASE = "petiole.db";
const ASIDE = ".corrupt-";

export interface StoreFiles {
  readonly dir: string;
  readonly database: string;
  readonly twin: string;
  readonly lock: string;
}

export function storeFiles(dir: string): StoreFiles {
  return { dir, database: join(dir, DATABASE), twin: join(dir, "petiole.seq"), lock: join(dir, "petiole.lock") };
}

/**
 * Takes the folder for this process. The lock is SQLite's lock on an empty database of its own, so it vanishes with
 * the process however that ends, and it holds while the real database is moved aside.
 * @throws PetioleError ERR_STORE_LOCKED
 */
export function lockFolder(files: StoreFiles): Disposable {
  mkdirSync(files.dir, { recursive: true, mode: 0o700 });
  try {
    return takeLock(files);
  } catch (error) {
    if (!isSqliteFailure(error, "corrupt")) throw error;
    // Something was written into the lock file. Nothing in it is worth keeping.
    rmSync(files.lock);
    return takeLock(files);
  }
}

function takeLock(files: StoreFiles): Disposable {
  const db = openDatabase(files.lock, { busyTimeout: 200 });
  try {
    db.exec("PRAGMA journal_mode = MEMORY");
    db.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    db.close();
    if (!isSqliteFailure(error, "busy")) throw error;
    throw new PetioleError("ERR_STORE_LOCKED", `Cannot open the store in "${files.dir}": another agent uses it`, {
      cause: error,
    });
  }
  return { [Symbol.dispose]: () => db.close() };
}

/** Where a damaged database was moved; undefined when there was none. */
export interface MovedAside {
  readonly path: string | undefined;
  /** Puts it back in place of what was started instead. */
  undo(): void;
}

/**
 * Moves a damaged database out of the way, for whoever wants to look into it. The connection must be closed. The one
 * moved before stays until `forgetOlder`.
 */
export function moveAside(files: StoreFiles, wall: number): MovedAside {
  const stamp = new Date(wall).toISOString().replaceAll(/[:.]/g, "-");
  const target = `${files.database}${ASIDE}${stamp}`;
  // The database goes first: SQLite ignores a log without database, but would take a database without its log.
  const moved = renameIfThere(files.database, target);
  renameIfThere(`${files.database}-wal`, `${target}-wal`);
  syncFolderNow(files.dir);
  return {
    path: moved ? target : undefined,
    undo: () => {
      rmSync(files.database, { force: true });
      rmSync(`${files.database}-wal`, { force: true });
      renameIfThere(`${target}-wal`, `${files.database}-wal`);
      renameIfThere(target, files.database);
      syncFolderNow(files.dir);
    },
  };
}

/** Deletes databases that were moved aside before the one at `kept`. */
export function forgetOlder(files: StoreFiles, kept: string): void {
  for (const name of readdirSync(files.dir)) {
    const path = join(files.dir, name);
    if (name.startsWith(`${DATABASE}${ASIDE}`) && !path.startsWith(kept)) rmSync(path);
  }
}

/** 4 GiB: far above any cap that a device sets. The added part takes no space. */
const LARGEST_MENDED = 2 ** 32;

/**
 * Brings a file that was cut off back to the length that its header tells: SQLite reads nothing of a shorter one, and
 * of one with empty pages at the end all the others.
 */
export function mendLength(path: string): void {
  const file = openSync(path, "r+");
  try {
    const header = Buffer.alloc(32);
    readSync(file, header, 0, header.length, 0);
    const length = header.readUInt16BE(16) * header.readUInt32BE(28);
    // A header that is damaged itself may tell any length.
    const isOurs = header.toString("latin1", 0, 15) === "SQLite format 3" && header.readUInt16BE(16) === PAGE_SIZE;
    if (isOurs && length > fstatSync(file).size && length <= LARGEST_MENDED) ftruncateSync(file, length);
  } finally {
    closeSync(file);
  }
}

function renameIfThere(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return false;
    throw error;
  }
}
