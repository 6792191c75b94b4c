import {
  LANES,
  type Lane,
  type LaneStats,
  type LedgerEntry,
  type LossReason,
  type OutboxRow,
  type OutboxStats,
} from "../../domain/outbox.ts";
import { bytes, millis } from "../../domain/units.ts";
import { createBoots, type Boots } from "./boots.ts";
import { copyHead, createHeadTable, type Head, type HeadTable } from "./head.ts";
import { createLaneTable, type LaneTable, type Removed } from "./lane-table.ts";
import { createLedgerTable, type LedgerTable } from "./ledger.ts";
import type { CommitRequest, LaneValues } from "./protocol.ts";
import { recordSizes, rowCost, type RowRecord } from "./row.ts";
import type { Database } from "./sqlite.ts";

/** Acknowledged rows deleted in one commit and lane. More than the forwarder has in flight, so only a resume leaves a rest. */
const SWEEP_ROWS = 2000;
/** Damaged rows that one read handles before it starts over. */
const CORRUPT_BATCH = 256;

export interface OutboxTablesOptions {
  readonly cap: number;
  readonly bootId: string;
  readonly head: Head;
}

export interface AppendReply {
  readonly refused: readonly number[];
  readonly readable: readonly Lane[];
  readonly unswept: boolean;
}

/**
 * The outbox in the database. Runs in the store worker; every method is one step on the one connection.
 *
 * When the cap is reached the oldest `standard` rows go first, but rows that were already offered to the forwarder go
 * after all others: they may be on their way, and dropping them would put messages into the ledger that arrive. Only
 * rows whose acknowledgement got lost together with the process can be in the ledger and on the hub both.
 */
export class OutboxTables {
  readonly #db: Database;
  readonly #cap: number;
  readonly #heads: HeadTable;
  readonly #ledger: LedgerTable;
  readonly #lanes: Readonly<Record<Lane, LaneTable>>;
  readonly #boots: Boots;
  /** Highest sequence that `read` returned since the start. */
  readonly #offered: Record<Lane, number> = { critical: 0, standard: 0 };
  #head: Head;
  #commits = 0;

  constructor(db: Database, options: OutboxTablesOptions) {
    this.#db = db;
    this.#cap = options.cap;
    this.#head = options.head;
    this.#heads = createHeadTable(db);
    this.#ledger = createLedgerTable(db);
    this.#lanes = { critical: createLaneTable(db, "critical"), standard: createLaneTable(db, "standard") };
    this.#boots = createBoots(db, options.bootId);
  }

  get head(): Head {
    return this.#head;
  }

  /** One transaction: acknowledgements, rows, the cap, then `alongside`. */
  commit<T>(request: CommitRequest, alongside: () => T): AppendReply & { readonly result: T } {
    const head = copyHead(this.#head);
    head.lastSeq = Math.max(head.lastSeq, request.lastSeq);
    const refused: number[] = [];
    const readable = new Set<Lane>();
    const result = this.#db.transaction(() => {
      for (const lane of LANES) {
        head.lanes[lane].acknowledged = Math.max(head.lanes[lane].acknowledged, request.acknowledged[lane] ?? 0);
        this.#sweep(head, lane, SWEEP_ROWS);
      }
      const { rows, cost } = this.#admit(head, request.rows, refused);
      // Room is made before the rows come, so that they take the pages of those that go.
      this.#enforceCap(head, request.wall, cost, "fresh");
      for (const row of rows) this.#append(head, row);
      this.#enforceCap(head, request.wall, 0, "all");
      for (const { lane } of rows) readable.add(lane);
      if (readable.size > 0) this.#boots.register(() => LANES.map((lane) => this.#lanes[lane].oldest(0)?.boot));
      const result = alongside();
      this.#heads.save(head);
      return result;
    });
    this.#head = head;
    if (readable.size > 0) this.#boots.registered();
    this.#commits += 1;
    return { refused, readable: [...readable], unswept: LANES.some((lane) => this.#isUnswept(lane)), result };
  }

  /** The next rows above `after`. Damaged ones are deleted and written down; what is returned is as it was published. */
  read(lane: Lane, after: number, limit: { readonly rows: number; readonly bytes: number }, wall: number): OutboxRow[] {
    const from = Math.max(after, this.#head.lanes[lane].acknowledged);
    for (;;) {
      const rows: OutboxRow[] = [];
      const corrupt: number[] = [];
      let size = 0;
      this.#lanes[lane].scan(from, ({ record, boot, intact }) => {
        if (!intact) return corrupt.push(record.seq) < CORRUPT_BATCH;
        rows.push(this.#toRow(record, boot));
        size += rowCost(recordSizes(record));
        return rows.length < limit.rows && size < limit.bytes;
      });
      if (corrupt.length > 0) this.#giveUp(lane, corrupt, "corrupt", wall);
      const last = rows.at(-1);
      if (last !== undefined) this.#offered[lane] = Math.max(this.#offered[lane], last.seq);
      if (last !== undefined || corrupt.length === 0) return rows;
    }
  }

  /** Deletes a row that the hub will never take, and writes it down. */
  refuse(lane: Lane, seq: number, wall: number): undefined {
    this.#giveUp(lane, [seq], "refused", wall);
  }

  ledger(): LedgerEntry[] {
    return this.#ledger.list();
  }

  /** `acknowledged` has what the next commit will bring. */
  stats(acknowledged: LaneValues): OutboxStats {
    const lanes = LANES.map((lane): LaneStats => {
      const head = this.#head.lanes[lane];
      const mark = Math.max(head.acknowledged, acknowledged[lane] ?? 0);
      const done = this.#lanes[lane].measure(mark);
      const oldest = this.#lanes[lane].oldest(mark)?.wall;
      return {
        lane,
        rows: head.rows - done.rows,
        bytes: bytes(head.bytes - done.bytes),
        oldest: oldest === undefined ? undefined : millis(oldest),
        acknowledged: mark,
        dropped: head.dropped,
      };
    });
    return {
      lanes,
      bytes: bytes(lanes.reduce((sum, lane) => sum + lane.bytes, 0)),
      cap: bytes(this.#cap),
      lastSeq: this.#head.lastSeq,
      commits: this.#commits,
    };
  }

  #toRow(record: RowRecord, boot: number): OutboxRow {
    return {
      lane: record.lane,
      seq: record.seq,
      subject: record.subject,
      // The checksum says that this is the text that was made from such an object.
      headers: JSON.parse(record.headers) as Record<string, string>,
      body: record.body,
      bootId: this.#boots.nameOf(boot),
      monotonic: record.monotonic,
      wall: record.wall,
    };
  }

  /** The rows that may come in: all but `critical` ones that find the outbox full of their kind. */
  #admit(
    head: Head,
    rows: readonly RowRecord[],
    refused: number[],
  ): { readonly rows: readonly RowRecord[]; readonly cost: number } {
    let cost = 0;
    let critical = 0;
    const admitted = rows.filter((row) => {
      const size = rowCost(recordSizes(row));
      if (row.lane === "critical") {
        const isOver = (): boolean => head.lanes.critical.bytes + critical + size > this.#cap;
        if (isOver()) this.#sweep(head, "critical", Infinity);
        if (isOver()) {
          refused.push(row.seq);
          return false;
        }
        critical += size;
      }
      cost += size;
      return true;
    });
    return { rows: admitted, cost };
  }

  #append(head: Head, row: RowRecord): void {
    this.#lanes[row.lane].insert(row, this.#boots.current);
    head.lanes[row.lane].rows += 1;
    head.lanes[row.lane].bytes += rowCost(recordSizes(row));
  }

  /** Drops `standard` rows until the cap holds with `incoming` bytes more: those not offered yet, or then all. */
  #enforceCap(head: Head, wall: number, incoming: number, which: "fresh" | "all"): void {
    const excess = (): number => head.lanes.critical.bytes + head.lanes.standard.bytes + incoming - this.#cap;
    for (const lane of LANES) if (excess() > 0) this.#sweep(head, lane, Infinity);
    const { acknowledged } = head.lanes.standard;
    const offered = Math.max(this.#offered.standard, acknowledged);
    this.#evict(head, { after: offered, upTo: Number.MAX_SAFE_INTEGER, bytes: excess() }, wall);
    if (which === "all") this.#evict(head, { after: acknowledged, upTo: offered, bytes: excess() }, wall);
  }

  #evict(
    head: Head,
    range: { readonly after: number; readonly upTo: number; readonly bytes: number },
    wall: number,
  ): void {
    const table = this.#lanes.standard;
    for (let { after, bytes } = range; bytes > 0;) {
      const oldest = table.oldest(after);
      if (oldest === undefined) return;
      const upTo = Math.min(range.upTo, (this.#ledger.nextFrom("standard", oldest.seq) ?? Infinity) - 1);
      const removed = table.removeOldest({ after, upTo, bytes, rows: Infinity });
      if (removed === undefined) return;
      this.#subtract(head, "standard", removed);
      this.#writeDown(head, "standard", removed, "cap", wall);
      after = removed.to;
      bytes -= removed.bytes;
    }
  }

  #sweep(head: Head, lane: Lane, rows: number): void {
    const upTo = head.lanes[lane].acknowledged;
    const removed = this.#lanes[lane].removeOldest({ after: 0, upTo, rows, bytes: Infinity });
    if (removed !== undefined) this.#subtract(head, lane, removed);
  }

  #isUnswept(lane: Lane): boolean {
    return this.#lanes[lane].hasBetween(0, this.#head.lanes[lane].acknowledged + 1);
  }

  #giveUp(lane: Lane, sequences: readonly number[], reason: LossReason, wall: number): void {
    const head = copyHead(this.#head);
    this.#db.transaction(() => {
      for (const seq of sequences) {
        const limit = { after: seq - 1, upTo: seq, rows: 1, bytes: Infinity };
        const removed = this.#lanes[lane].removeOldest(limit);
        if (removed === undefined) continue;
        this.#subtract(head, lane, removed);
        this.#writeDown(head, lane, removed, reason, wall);
      }
      this.#heads.save(head);
    });
    this.#head = head;
    this.#commits += 1;
  }

  #subtract(head: Head, lane: Lane, removed: Removed): void {
    const counters = head.lanes[lane];
    // Lengths of a damaged row may lie, so the counters are set right whenever the lane is empty.
    const isEmpty = !this.#lanes[lane].hasBetween(0, Number.MAX_SAFE_INTEGER);
    counters.rows = isEmpty ? 0 : Math.max(0, counters.rows - removed.count);
    counters.bytes = isEmpty ? 0 : Math.max(0, counters.bytes - removed.bytes);
  }

  #writeDown(head: Head, lane: Lane, removed: Removed, reason: LossReason, wall: number): void {
    const { acknowledged } = head.lanes[lane];
    const { hasBetween } = this.#lanes[lane];
    this.#ledger.record({ lane, ...removed, reason }, wall, { acknowledged, hasBetween });
    head.lanes[lane].dropped += removed.count;
  }
}
