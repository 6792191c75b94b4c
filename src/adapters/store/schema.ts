import { PetioleError } from "../../domain/errors.ts";
import { PAGE_SIZE } from "./row.ts";
import { SqliteFailure, isSqliteFailure, openDatabase, type Database } from "./sqlite.ts";

/**
 * Step n brings a database from version n to n + 1. Steps are never edited once released. Rows lie in tables that are
 * made and dropped in use (segment.ts), without an index beside their sequence; the counters of all lanes share one
 * row: a commit then writes as few pages as it can. Version 1 was never released.
 */
const FIRST_VERSION = 2;
const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE head (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    store_id TEXT NOT NULL,
    last_seq INTEGER NOT NULL,
    next_segment INTEGER NOT NULL,
    lanes TEXT NOT NULL
  ) STRICT;
  CREATE TABLE segments (
    id INTEGER PRIMARY KEY,
    lane TEXT NOT NULL,
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    row_count INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    ttl INTEGER,
    sealed INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE latest (
    seq INTEGER PRIMARY KEY,
    boot INTEGER NOT NULL,
    monotonic INTEGER NOT NULL,
    wall INTEGER NOT NULL,
    ttl INTEGER,
    owner TEXT NOT NULL,
    subject TEXT NOT NULL UNIQUE,
    headers TEXT NOT NULL,
    body BLOB NOT NULL,
    crc INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE boots (id INTEGER PRIMARY KEY, boot_id TEXT NOT NULL, wall_offset INTEGER) STRICT;
  CREATE TABLE ledger (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    lane TEXT NOT NULL,
    from_seq INTEGER NOT NULL,
    to_seq INTEGER NOT NULL,
    row_count INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    reason TEXT NOT NULL,
    wall INTEGER NOT NULL,
    reported INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE TABLE key_value (
    bucket TEXT NOT NULL,
    key TEXT NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (bucket, key)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE state (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;`,
];
const VERSION = FIRST_VERSION + MIGRATIONS.length - 1;
/**
 * The oldest schema whose petiole can use a database of this one: a step that only adds leaves it as it is. The version
 * before has to be among them, or nobody could go back to it.
 */
const READABLE_FROM = FIRST_VERSION;
/** Name under which a database says so itself, for those who do not know its schema. */
const READABLE_STATE = "schema-readable-from";

/** What this petiole makes of a database. */
export const STORE_SCHEMA = { version: VERSION, readableFrom: READABLE_FROM };

/** How many pages the write-ahead log may hold before it is copied into the database: 4 MiB, less under a small cap. */
export function checkpointPages(cap: number): number {
  return Math.max(64, Math.min(1000, Math.floor(cap / PAGE_SIZE / 20)));
}

/** Sets a connection up. The file's own properties come before the first table, the sync level after the switch to WAL. */
export function applyPragmas(db: Database, walPages: number): void {
  // No second connection ever: locks are taken once and the index of the log stays in the heap, not in a mapped file.
  db.exec("PRAGMA locking_mode = EXCLUSIVE");
  if (createSpaceMeter(db).pages() === 0) {
    db.exec(`PRAGMA page_size = ${PAGE_SIZE}`);
    // On an old file this would write, which fails on a full disk.
    db.exec("PRAGMA auto_vacuum = INCREMENTAL");
  }
  for (const pragma of [
    "journal_mode = WAL",
    "synchronous = FULL",
    `wal_autocheckpoint = ${walPages}`,
    `journal_size_limit = ${walPages * PAGE_SIZE}`,
    "cache_size = -1024",
    "temp_store = MEMORY",
    "mmap_size = 0",
  ]) {
    db.exec(`PRAGMA ${pragma}`);
  }
}

/**
 * Brings the schema to the current version. A database of a newer petiole is used as it is when that one said that this
 * one can: so does the version before after an update that was taken back.
 * @throws PetioleError ERR_STORE_OPEN when a newer petiole made the database for its like: it is refused rather than mangled
 */
export function migrate(db: Database): void {
  const version = db.prepare<{ user_version: number }>("PRAGMA user_version").get()?.user_version ?? 0;
  if (version > VERSION) {
    const from = readableFrom(db) ?? version;
    if (from <= VERSION) return;
    throw new PetioleError(
      "ERR_STORE_OPEN",
      `Cannot open the store: its schema has version ${version} and wants one from ${from} on, this petiole knows ${VERSION}`,
    );
  }
  if (version === VERSION) return;
  if (version !== 0 && version < FIRST_VERSION) {
    throw new SqliteFailure("structure", `The schema of version ${version} belongs to no release`);
  }
  db.transaction(() => {
    for (const step of MIGRATIONS.slice(version === 0 ? 0 : version - FIRST_VERSION + 1)) db.exec(step);
    db.prepare("INSERT OR REPLACE INTO state (name, value) VALUES (?, ?)").run(READABLE_STATE, String(READABLE_FROM));
    db.exec(`PRAGMA user_version = ${VERSION}`);
  });
}

/** What a newer database says about older ones; undefined when nothing. */
function readableFrom(db: Database): number | undefined {
  try {
    const query = db.prepare<{ value: string }>("SELECT value FROM state WHERE name = ?");
    const value = query.get(READABLE_STATE)?.value ?? "";
    return /^\d{1,6}$/.test(value) ? Number(value) : undefined;
  } catch (error) {
    if (isSqliteFailure(error, "structure")) return undefined;
    throw error;
  }
}

/** Makes an empty database in memory: whether SQLite works here at all. @throws SqliteFailure, and what loading it does */
export function tryStore(): void {
  const db = openDatabase(":memory:", { busyTimeout: 0 });
  try {
    migrate(db);
  } finally {
    db.close();
  }
}

/**
 * A look at the structure that costs the same for any backlog: the small tables in full, the ends of the large ones.
 * @throws SqliteFailure corrupt
 */
export function checkStructure(db: Database): void {
  for (const table of ["head", "segments", "boots", "ledger"]) {
    const found = db.prepare<{ quick_check: string }>(`PRAGMA quick_check(${table})`).get()?.quick_check;
    if (found !== "ok") throw new SqliteFailure("corrupt", `Table "${table}": ${found ?? "no answer"}`);
  }
  db.prepare("SELECT seq FROM latest LIMIT 1").get();
  db.prepare("SELECT key FROM key_value LIMIT 1").get();
  db.prepare("SELECT name FROM state LIMIT 1").get();
}

/** How much of the file is empty. */
export interface SpaceMeter {
  freePages(): number;
  pages(): number;
}

export function createSpaceMeter(db: Database): SpaceMeter {
  const free = db.prepare<{ freelist_count: number }>("PRAGMA freelist_count");
  const all = db.prepare<{ page_count: number }>("PRAGMA page_count");
  return { freePages: () => free.get()?.freelist_count ?? 0, pages: () => all.get()?.page_count ?? 0 };
}
