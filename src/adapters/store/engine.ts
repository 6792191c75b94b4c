import { randomUUID } from "node:crypto";
import { createDurations, type Durations } from "./durations.ts";
import { forgetOlder, lockFolder, mendLength, moveAside, storeFiles, type StoreFiles } from "./files.ts";
import { acknowledgedOf, createHeadTable, type Head } from "./head.ts";
import { createKeyValueTable, type KeyValueTable } from "./key-value-table.ts";
import { BrokenSegment } from "./lane-segments.ts";
import { createLedgerTable } from "./ledger.ts";
import { deliveredOf, OutboxTables } from "./outbox-tables.ts";
import type {
  CommitReply,
  CommitRequest,
  Notice,
  Opened,
  ReadReply,
  Replies,
  RequestKind,
  RequestOf,
  WorkerOptions,
} from "./protocol.ts";
import { adoptSegments, rescue, type Rescued } from "./rescue.ts";
import type { Now } from "./row-age.ts";
import { packRows } from "./row-batch.ts";
import { releaseMemory } from "../../lib/release-memory.ts";
import { applyPragmas, checkpointPages, checkStructure, createSpaceMeter, migrate, type SpaceMeter } from "./schema.ts";
import { planSequence, readTwin, RESERVED_AHEAD, writeTwin, type SequenceStart } from "./sequence.ts";
import { isSqliteFailure, openDatabase, type Database, type SqliteFailure } from "./sqlite.ts";

export interface EngineDeps {
  readonly options: WorkerOptions;
  readonly notify: (notice: Notice) => void;
  /** `openDatabase` unless given; tests put one in between that fails on demand. */
  readonly open?: typeof openDatabase;
}

/** What is remembered of an export that was handed over. */
const exportName = (id: string): string => `export:${id}`;

/** Empty pages that are worth giving back: 1 MiB. */
const SPACIOUS_PAGES = 256;
/** A request is given up when so many repairs did not help it. */
const MOST_REPAIRS = 3;

/** A database connection with what is prepared on it. */
interface Session {
  readonly db: Database;
  readonly outbox: OutboxTables;
  readonly keyValue: KeyValueTable;
  readonly space: SpaceMeter;
}

type Executors = { readonly [K in RequestKind]: (request: RequestOf<K>) => Replies[K] };

/**
 * The store, synchronously: everything that the worker thread does. Holds the folder's lock from construction to
 * disposal. A database that turns out damaged, at the start or later, is moved aside and replaced; what can still be
 * read of it is taken over.
 */
export class Engine implements Disposable {
  /** Undefined in memory. */
  readonly #files: StoreFiles | undefined;
  readonly #options: WorkerOptions;
  readonly #notify: (notice: Notice) => void;
  readonly #open: typeof openDatabase;
  readonly #lock: Disposable | undefined;
  readonly #durations: Durations = createDurations();
  #session: Session;
  /** The session's database broke and no other could be started yet. */
  #broken = false;
  /** What the twin file says. */
  #floor = 0;

  /** @throws PetioleError ERR_STORE_LOCKED, ERR_STORE_OPEN; SqliteFailure and system errors as they come */
  constructor({ options, notify, open = openDatabase }: EngineDeps) {
    this.#options = options;
    this.#notify = notify;
    this.#open = open;
    this.#files = options.dir === undefined ? undefined : storeFiles(options.dir);
    this.#lock = this.#files && lockFolder(this.#files);
    try {
      this.#session = this.#start(options.now);
      this.#reserveAhead();
    } catch (error) {
      this.#lock?.[Symbol.dispose]();
      throw error;
    }
  }

  get opened(): Opened {
    const { outbox } = this.#session;
    const { storeId, lastSeq } = outbox.head;
    const delivered = deliveredOf(outbox.head);
    return {
      storeId,
      lastSeq,
      delivered,
      latest: outbox.loadLatest(),
      bootOffset: outbox.bootOffset,
      ...outbox.state(this.#floor),
    };
  }

  /** Carries a request out; on a database that turns out damaged, again once it was repaired or replaced. */
  handle<K extends RequestKind>(request: RequestOf<K>): Replies[K] {
    // The entry and the request have the same kind, which TypeScript cannot follow through the table.
    const execute = this.#executors[request.kind] as (request: RequestOf<K>) => Replies[K];
    const now = "now" in request ? request.now : this.#options.now;
    if (this.#broken) {
      this.#session = this.#start(now);
      this.#broken = false;
    }
    for (let repairs = 0; ; repairs += 1) {
      try {
        return execute(request);
      } catch (error) {
        const cause = error instanceof BrokenSegment ? error.cause : error;
        if (repairs === MOST_REPAIRS || !this.#repair(error, now)) throw cause;
      }
    }
  }

  [Symbol.dispose](): void {
    try {
      this.#session.db.close();
    } finally {
      this.#lock?.[Symbol.dispose]();
    }
  }

  readonly #executors: Executors = {
    commit: (request) => this.#commit(request),
    rewind: (request) => {
      this.#session.outbox.rewind(request);
      return this.#session.outbox.state(this.#floor);
    },
    read: (request) => this.#read(request),
    refuse: ({ lane, seq, now }) => {
      this.#session.outbox.refuse(lane, seq, now);
      return this.#session.outbox.state(this.#floor);
    },
    "hand-over": ({ id, upTo, now }) => {
      const done = { kind: "put-state", name: exportName(id), value: String(Math.round(now.wall)) } as const;
      const handedOver = this.#session.outbox.handOver(upTo, now, () => this.#session.keyValue.write(done));
      return { ...this.#session.outbox.state(this.#floor), handedOver };
    },
    stats: ({ acknowledged, now }) => ({
      lanes: this.#session.outbox.overview(acknowledged, now),
      state: this.#session.outbox.state(this.#floor),
      commits: this.#session.outbox.commits,
      commitTime: this.#durations.summary(),
    }),
    ledger: () => this.#session.outbox.ledger(),
    get: ({ bucket, key }) => this.#session.keyValue.get(bucket, key),
    has: ({ bucket, key }) => this.#session.keyValue.has(bucket, key),
    keys: ({ bucket, after, limit }) => this.#session.keyValue.keys(bucket, after, limit),
    "get-state": ({ name }) => this.#session.keyValue.getState(name),
    vacuum: ({ pages }) => this.#vacuum(pages),
    "release-memory": () => {
      this.#session.db.exec("PRAGMA shrink_memory");
      releaseMemory();
    },
    close: ({ lastSeq }) => this.#settle(lastSeq),
  };

  #commit(request: CommitRequest): CommitReply {
    const { outbox, keyValue, space } = this.#session;
    this.#reserve(request.lastSeq);
    const started = performance.now();
    const { result, ...appended } = outbox.commit(request, (notes) => {
      for (const note of notes) keyValue.write(note);
      return request.writes.map((write) => keyValue.write(write));
    });
    this.#durations.add(performance.now() - started);
    return {
      ...appended,
      ...outbox.state(this.#floor),
      writes: result,
      spacious: isSpacious(space),
    };
  }

  #read({ lane, after, rows, bytes, offers, now }: RequestOf<"read">): ReadReply {
    const { changed, complete, rows: found } = this.#session.outbox.read(lane, after, { rows, bytes, offers }, now);
    const state = changed ? this.#session.outbox.state(this.#floor) : undefined;
    return { rows: packRows(lane, found), complete, state };
  }

  /** Whether `error` is damage, and something was done about it: then the request can be tried again. */
  #repair(error: unknown, now: Now): boolean {
    if (error instanceof BrokenSegment) {
      const { cause, lane, id } = error;
      if (!isSqliteFailure(cause, "corrupt")) return false;
      try {
        if (!this.#session.outbox.hasQuarantined()) {
          const found = this.#session.outbox.quarantine(lane, id, now);
          const fields = { lane, segment: id, found: cause.message, ...found };
          this.#notify({ level: "error", message: "A part of the outbox is damaged: took it out of use", fields });
          return true;
        }
      } catch (failure) {
        if (!isSqliteFailure(failure, "corrupt", "structure")) throw failure;
      }
      this.#replace(cause, now);
      return true;
    }
    if (!isSqliteFailure(error, "corrupt")) return false;
    this.#replace(error, now);
    return true;
  }

  /** Gives empty pages back, a few at a time; the last step shortens the file. */
  #vacuum(pages: number): boolean {
    const { db, space } = this.#session;
    db.exec(`PRAGMA incremental_vacuum(${pages})`);
    if (space.freePages() > 0) return true;
    db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    return false;
  }

  /** A clean end: the floor comes down to what was really handed out. */
  #settle(lastSeq: number): undefined {
    const floor = Math.max(this.#session.outbox.head.lastSeq, lastSeq);
    if (floor === this.#floor) return;
    try {
      this.#writeFloor(floor);
    } catch (error) {
      // With a higher floor the next start skips sequences, which is all that it costs.
      const fields = { err: error, floor: this.#floor };
      this.#notify({ level: "warn", message: "The store cannot lower its sequence floor", fields });
    }
  }

  /** Makes sure that the twin file covers `lastSeq` before any row up to it can be seen. */
  #reserve(lastSeq: number): void {
    if (lastSeq + RESERVED_AHEAD / 2 <= this.#floor) return;
    try {
      this.#writeFloor(lastSeq + RESERVED_AHEAD);
    } catch (error) {
      // On a full disk the reserve carries on for a while; the next commit tries again.
      if (lastSeq > this.#floor) throw error;
    }
  }

  /** So that the first messages can leave before they are written. On a full disk the first commit does it. */
  #reserveAhead(): void {
    try {
      this.#writeFloor(this.#session.outbox.head.lastSeq + RESERVED_AHEAD);
    } catch (error) {
      this.#notify({ level: "warn", message: "The store cannot reserve sequences yet", fields: { err: error } });
    }
  }

  #writeFloor(floor: number): void {
    const { head } = this.#session.outbox;
    if (this.#files !== undefined) {
      writeTwin(this.#files.twin, { storeId: head.storeId, floor, acknowledged: acknowledgedOf(head) });
    }
    this.#floor = floor;
  }

  #start(now: Now): Session {
    const wall = Math.round(now.wall);
    const twin = this.#files && readTwin(this.#files.twin);
    this.#floor = twin?.floor ?? 0;
    try {
      return this.#connect((db) => {
        const head = createHeadTable(db).load();
        const start = planSequence(head && storedSequence(head), twin, randomUUID);
        if (head === undefined) return begin(db, adoptSegments(db, start), start, wall);
        head.lastSeq = start.lastSeq;
        // Nothing is written unless a loss is: an agent starts on a full disk too. The first commit saves the head.
        return start.gaps.length === 0 ? head : begin(db, head, start, wall);
      });
    } catch (error) {
      // The tables are created in one transaction with their version: SQL that does not fit them is damage too.
      if (!isSqliteFailure(error, "corrupt", "structure")) throw error;
      return this.#startOver(error, now, planSequence(undefined, twin, randomUUID));
    }
  }

  /** The database broke while in use. What is known in memory is better than the twin file. */
  #replace(cause: SqliteFailure, now: Now): void {
    const stored = storedSequence(this.#session.outbox.head);
    this.#session.db.close();
    this.#broken = true;
    this.#session = this.#startOver(cause, now, { ...stored, gaps: [] });
    this.#broken = false;
  }

  /** Moves the database aside and starts another. When that fails, on a full disk, all is as it was before. */
  #startOver(cause: SqliteFailure, now: Now, start: SequenceStart): Session {
    // Memory that is damaged is no case for repair.
    const files = this.#files;
    if (files === undefined) throw cause;
    const wall = Math.round(now.wall);
    const moved = moveAside(files, wall);
    let rescued = 0;
    try {
      const session = this.#connect((db) => {
        const found = this.#rescue(moved.path, db, start);
        rescued = found.rows;
        return begin(db, found.head, found, wall);
      });
      if (moved.path !== undefined) forgetOlder(files, moved.path);
      this.#notify({
        level: "error",
        message: "The store was damaged: started a new one and kept the old one aside",
        fields: {
          found: cause.message,
          movedTo: moved.path,
          storeId: start.storeId,
          firstSeq: start.lastSeq + 1,
          rescued,
        },
      });
      return session;
    } catch (error) {
      moved.undo();
      throw error;
    }
  }

  #rescue(path: string | undefined, to: Database, start: SequenceStart): Rescued {
    const from = path === undefined ? undefined : openDamaged(this.#open, path);
    try {
      return rescue({ from, to, start });
    } finally {
      from?.close();
    }
  }

  /** Opens the database, new or old; `load` reads or makes its head. */
  #connect(load: (db: Database) => Head): Session {
    const db = this.#open(this.#files?.database ?? ":memory:", { busyTimeout: 1000 });
    try {
      applyPragmas(db, checkpointPages(this.#options.cap));
      migrate(db);
      checkStructure(db);
      const head = load(db);
      const { cap, laneCaps, bootId } = this.#options;
      const outbox = new OutboxTables(db, { cap, laneCaps, bootId, head, heads: createHeadTable(db) });
      return { db, outbox, keyValue: createKeyValueTable(db), space: createSpaceMeter(db) };
    } catch (error) {
      db.close();
      throw error;
    }
  }
}

/** Rows that were committed must not come again, so nothing behind the commit may fail it. */
function isSpacious(space: SpaceMeter): boolean {
  try {
    const free = space.freePages();
    return free >= SPACIOUS_PAGES && free * 2 > space.pages();
  } catch (error) {
    if (isSqliteFailure(error)) return false;
    throw error;
  }
}

function openDamaged(open: typeof openDatabase, path: string): Database | undefined {
  mendLength(path);
  const db = open(path, { busyTimeout: 0 });
  try {
    db.exec("PRAGMA locking_mode = EXCLUSIVE");
    return db;
  } catch (error) {
    db.close();
    if (isSqliteFailure(error)) return undefined;
    throw error;
  }
}

function storedSequence(head: Head): Pick<SequenceStart, "storeId" | "lastSeq" | "acknowledged"> {
  return { storeId: head.storeId, lastSeq: head.lastSeq, acknowledged: acknowledgedOf(head) };
}

/** Saves the head together with the losses that it starts with. */
function begin(db: Database, head: Head, { gaps }: Pick<SequenceStart, "gaps">, wall: number): Head {
  db.transaction(() => {
    const ledger = createLedgerTable(db);
    for (const gap of gaps) {
      const loss = { ...gap, count: 0, bytes: 0, reason: "unknown" } as const;
      ledger.record(loss, wall, { acknowledged: 0, hasBetween: () => false });
    }
    createHeadTable(db).save(head);
  });
  return head;
}
