import { randomUUID } from "node:crypto";
import { LANES } from "../../domain/outbox.ts";
import { forgetOlder, lockFolder, mendLength, moveAside, storeFiles, type StoreFiles } from "./files.ts";
import { createHeadTable, emptyHead, type Head } from "./head.ts";
import { createKeyValueTable, type KeyValueTable } from "./key-value-table.ts";
import { createLaneTable } from "./lane-table.ts";
import { createLedgerTable } from "./ledger.ts";
import { OutboxTables } from "./outbox-tables.ts";
import type {
  CommitReply,
  CommitRequest,
  Notice,
  Opened,
  Replies,
  RequestKind,
  RequestOf,
  WorkerOptions,
} from "./protocol.ts";
import { rescue, type Rescued } from "./rescue.ts";
import { applyPragmas, checkpointPages, checkStructure, createSpaceMeter, migrate, type SpaceMeter } from "./schema.ts";
import { laneMarks, planSequence, readTwin, RESERVED_AHEAD, writeTwin, type SequenceStart } from "./sequence.ts";
import { isSqliteFailure, openDatabase, type Database, type SqliteFailure } from "./sqlite.ts";

export interface EngineDeps {
  readonly options: WorkerOptions;
  readonly notify: (notice: Notice) => void;
  /** `openDatabase` unless given; tests put one in between that fails on demand. */
  readonly open?: typeof openDatabase;
}

/** Empty pages that are worth giving back: 1 MiB. */
const SPACIOUS_PAGES = 256;

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
  readonly #files: StoreFiles;
  readonly #options: WorkerOptions;
  readonly #notify: (notice: Notice) => void;
  readonly #open: typeof openDatabase;
  readonly #lock: Disposable;
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
    this.#files = storeFiles(options.dir);
    this.#lock = lockFolder(this.#files);
    try {
      this.#session = this.#start(options.wall);
    } catch (error) {
      this.#lock[Symbol.dispose]();
      throw error;
    }
  }

  get opened(): Opened {
    const { storeId, lastSeq, lanes } = this.#session.outbox.head;
    const acknowledged = laneMarks((lane) => lanes[lane].acknowledged);
    return { storeId, lastSeq, acknowledged, criticalBytes: lanes.critical.bytes };
  }

  /** Carries a request out; on a database that turns out damaged, once more on its replacement. */
  handle<K extends RequestKind>(request: RequestOf<K>): Replies[K] {
    // The entry and the request have the same kind, which TypeScript cannot follow through the table.
    const execute = this.#executors[request.kind] as (request: RequestOf<K>) => Replies[K];
    const wall = "wall" in request ? request.wall : this.#options.wall;
    if (this.#broken) {
      this.#session = this.#start(wall);
      this.#broken = false;
    }
    try {
      return execute(request);
    } catch (error) {
      if (!isSqliteFailure(error, "corrupt")) throw error;
      this.#replace(error, wall);
      return execute(request);
    }
  }

  [Symbol.dispose](): void {
    try {
      this.#session.db.close();
    } finally {
      this.#lock[Symbol.dispose]();
    }
  }

  readonly #executors: Executors = {
    commit: (request) => this.#commit(request),
    read: ({ lane, after, rows, bytes, wall }) => this.#session.outbox.read(lane, after, { rows, bytes }, wall),
    refuse: ({ lane, seq, wall }) => this.#session.outbox.refuse(lane, seq, wall),
    stats: ({ acknowledged }) => this.#session.outbox.stats(acknowledged),
    ledger: () => this.#session.outbox.ledger(),
    get: ({ bucket, key }) => this.#session.keyValue.get(bucket, key),
    has: ({ bucket, key }) => this.#session.keyValue.has(bucket, key),
    keys: ({ bucket, after, limit }) => this.#session.keyValue.keys(bucket, after, limit),
    "get-state": ({ name }) => this.#session.keyValue.getState(name),
    vacuum: ({ pages }) => this.#vacuum(pages),
    close: ({ lastSeq }) => this.#settle(lastSeq),
  };

  #commit(request: CommitRequest): CommitReply {
    const { outbox, keyValue, space } = this.#session;
    this.#reserve(request.lastSeq);
    const { result, ...appended } = outbox.commit(request, () => request.writes.map((write) => keyValue.write(write)));
    const free = space.freePages();
    return {
      ...appended,
      writes: result,
      criticalBytes: outbox.head.lanes.critical.bytes,
      spacious: free >= SPACIOUS_PAGES && free * 2 > space.pages(),
    };
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

  #writeFloor(floor: number): void {
    const { storeId, lanes } = this.#session.outbox.head;
    writeTwin(this.#files.twin, { storeId, floor, acknowledged: laneMarks((lane) => lanes[lane].acknowledged) });
    this.#floor = floor;
  }

  #start(wall: number): Session {
    const twin = readTwin(this.#files.twin);
    this.#floor = twin?.floor ?? 0;
    try {
      return this.#connect((db) => {
        const head = createHeadTable(db).load();
        const start = planSequence(head && storedSequence(head), twin, randomUUID);
        if (head === undefined) return begin(db, countRows(db, start), start, wall);
        head.lastSeq = start.lastSeq;
        // Nothing is written unless a loss is: an agent starts on a full disk too. The first commit saves the head.
        return start.gaps.length === 0 ? head : begin(db, head, start, wall);
      });
    } catch (error) {
      // The tables are created in one transaction with their version: SQL that does not fit them is damage too.
      if (!isSqliteFailure(error, "corrupt", "structure")) throw error;
      return this.#startOver(error, wall, planSequence(undefined, twin, randomUUID));
    }
  }

  /** The database broke while in use. What is known in memory is better than the twin file. */
  #replace(cause: SqliteFailure, wall: number): void {
    const stored = storedSequence(this.#session.outbox.head);
    this.#session.db.close();
    this.#broken = true;
    this.#session = this.#startOver(cause, wall, { ...stored, gaps: [] });
    this.#broken = false;
  }

  /** Moves the database aside and starts another. When that fails, on a full disk, all is as it was before. */
  #startOver(cause: SqliteFailure, wall: number, start: SequenceStart): Session {
    const moved = moveAside(this.#files, wall);
    let rescued = 0;
    try {
      const session = this.#connect((db) => {
        const found = this.#rescue(moved.path, db, start);
        rescued = found.rows;
        return begin(db, { storeId: start.storeId, lastSeq: start.lastSeq, lanes: found.lanes }, found, wall);
      });
      if (moved.path !== undefined) forgetOlder(this.#files, moved.path);
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

  #rescue(path: string | undefined, to: Database, { lastSeq, acknowledged }: SequenceStart): Rescued {
    const from = path === undefined ? undefined : openDamaged(this.#open, path);
    try {
      return rescue({ from, to, lastSeq, acknowledged });
    } finally {
      from?.close();
    }
  }

  /** Opens the database, new or old; `load` reads or makes its head. */
  #connect(load: (db: Database) => Head): Session {
    const db = this.#open(this.#files.database, { busyTimeout: 1000 });
    try {
      applyPragmas(db, checkpointPages(this.#options.cap));
      migrate(db);
      checkStructure(db);
      const head = load(db);
      const outbox = new OutboxTables(db, { cap: this.#options.cap, bootId: this.#options.bootId, head });
      return { db, outbox, keyValue: createKeyValueTable(db), space: createSpaceMeter(db) };
    } catch (error) {
      db.close();
      throw error;
    }
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
  const acknowledged = laneMarks((lane) => head.lanes[lane].acknowledged);
  return { storeId: head.storeId, lastSeq: head.lastSeq, acknowledged };
}

/** The head of a new database. It may hold rows already: those taken over before the power was cut. */
function countRows(db: Database, start: SequenceStart): Head {
  const head = emptyHead(start);
  for (const lane of LANES) Object.assign(head.lanes[lane], createLaneTable(db, lane).measure(start.lastSeq));
  return head;
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
