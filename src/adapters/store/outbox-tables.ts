import {
  isStoredLane,
  LANES,
  STORED_LANES,
  type Lane,
  type LedgerEntry,
  type LossReason,
  type OutboxRow,
  type StoredLane,
} from "../../domain/outbox.ts";
import { millis } from "../../domain/units.ts";
import { createBoots, type Boots } from "./boots.ts";
import { acknowledgedOf, copyHead, storedBytes, type Head, type HeadTable } from "./head.ts";
import { createLaneSegments, segmentSize, type LaneSegments, type Removed } from "./lane-segments.ts";
import { createLatestTable, type LatestTable } from "./latest-table.ts";
import { createLedgerTable, type LedgerTable } from "./ledger.ts";
import { createLedgerReport } from "./ledger-report.ts";
import type {
  CommitRequest,
  LaneOverview,
  LaneValues,
  LoadedRow,
  RewindRequest,
  StoredState,
  Write,
} from "./protocol.ts";
import { copyReadable, QUARANTINED, rowInserter } from "./rescue.ts";
import { acceptedAt, isExpired, oldestOf, type Accepted, type Now, type Oldest } from "./row-age.ts";
import { parseHeaders, type RowRecord } from "./row.ts";
import { admitRows, type Admitted } from "./row-admission.ts";
import { createSegment, segmentName, type Segment, type StampedRow } from "./segment.ts";
import { SqliteFailure, type Database, type SqlRow } from "./sqlite.ts";

/** Damaged or expired rows that one read handles before it starts over. */
const UNUSABLE_BATCH = 256;

export interface OutboxTablesOptions {
  readonly cap: number;
  readonly laneCaps: Readonly<Record<StoredLane, number>>;
  readonly bootId: string;
  readonly head: Head;
  readonly heads: HeadTable;
}

export interface AppendReply {
  readonly refused: readonly number[];
  readonly readable: readonly Lane[];
}

/**
 * The outbox in the database. Runs in the store worker; every method is one step on the one connection.
 *
 * When a cap is reached, acknowledged segments go first, then the oldest segment of `standard`; but one whose rows were
 * already offered to the forwarder goes after all others: they may be on their way, and dropping them would put
 * messages into the ledger that arrive. Only rows whose acknowledgement got lost together with the process can be in
 * the ledger and on the hub both.
 */
export class OutboxTables {
  readonly #db: Database;
  readonly #options: OutboxTablesOptions;
  readonly #heads: HeadTable;
  readonly #ledger: LedgerTable;
  readonly #latest: LatestTable;
  readonly #lanes: Readonly<Record<StoredLane, LaneSegments>>;
  readonly #boots: Boots;
  /** Highest sequence that the forwarder was given since the start. */
  readonly #offered: Record<StoredLane, number> = { critical: 0, standard: 0 };
  #head: Head;
  #unreported: boolean;
  #commits = 0;

  constructor(db: Database, options: OutboxTablesOptions) {
    this.#db = db;
    this.#options = options;
    this.#head = options.head;
    this.#heads = options.heads;
    this.#ledger = createLedgerTable(db);
    this.#latest = createLatestTable(db);
    const sealBytes = segmentSize(options.cap);
    const lane = (lane: StoredLane): LaneSegments => createLaneSegments({ db, lane, heads: options.heads, sealBytes });
    this.#lanes = { critical: lane("critical"), standard: lane("standard") };
    this.#boots = createBoots(db, options.bootId);
    this.#unreported = this.#ledger.hasUnreported();
  }

  get head(): Head {
    return this.#head;
  }

  /** Of this boot; undefined as long as its clock was not set. */
  get bootOffset(): number | undefined {
    return this.#boots.current.offset;
  }

  get commits(): number {
    return this.#commits;
  }

  state(floor: number): StoredState {
    const { lanes } = this.#head;
    const lane = (name: StoredLane): StoredState["lanes"][StoredLane] => {
      const { rows, bytes, owners, acknowledged, segments } = lanes[name];
      const oldest = segments.find((segment) => this.#lanes[name].isReleasable(segment));
      return { rows, bytes, owners, acknowledged, last: segments.at(-1)?.last ?? 0, nextRelease: oldest?.last ?? 0 };
    };
    return {
      lanes: { critical: lane("critical"), standard: lane("standard") },
      stored: storedBytes(this.#head),
      floor,
      unreported: this.#unreported,
    };
  }

  loadLatest(): LoadedRow[] {
    const current = this.#boots.current.number;
    return this.#latest
      .load()
      .map(({ row, boot }) => ({ row, boot: this.#boots.find(boot), thisBoot: boot === current }));
  }

  /** One transaction: acknowledgements, rows, the caps, then `alongside` with the notes of the groups that came in. */
  commit<T>(request: CommitRequest, alongside: (notes: readonly Write[]) => T): AppendReply & { readonly result: T } {
    const { now } = request;
    let refused: readonly number[] = [];
    const readable = new Set<Lane>();
    for (const lane of STORED_LANES) {
      this.#offered[lane] = Math.max(this.#offered[lane], request.offered[lane] ?? 0);
    }
    const result = this.#change(now, (head) => {
      head.lastSeq = Math.max(head.lastSeq, request.lastSeq);
      this.#acknowledge(head, request);
      for (const lane of STORED_LANES) {
        this.#lanes[lane].release(head, { upTo: request.released[lane] ?? 0 });
        this.#dropExpired(head, lane, now);
      }
      const { rows, cost, notes, ...admitted } = this.#admit(head, request);
      ({ refused } = admitted);
      // Room is made before the rows come, so that they take the pages of those that go.
      this.#makeRoom(head, now, cost, "fresh");
      for (const row of rows) this.#lanes[row.lane].append(head, row, this.#boots.current.number);
      this.#makeRoom(head, now, 0, "all");
      for (const { lane } of rows) readable.add(lane);
      for (const row of request.latest) this.#latest.put(row, this.#boots.current.number);
      for (const { subject, seq } of request.latestDone) this.#latest.remove(subject, seq);
      for (const { lane, reason, ...loss } of request.losses) this.#writeDown(head, lane, loss, reason, now);
      if (request.reportSeq !== undefined && this.#report(head, request.reportSeq, now)) readable.add("critical");
      return alongside(notes);
    });
    return { refused, readable: [...readable], result };
  }

  /** The next rows above `after`. Damaged and expired ones are deleted and written down. @throws BrokenSegment, SqliteFailure */
  read(
    lane: StoredLane,
    after: number,
    limit: { readonly rows: number; readonly bytes: number; readonly offers: boolean },
    now: Now,
  ): { readonly rows: OutboxRow[]; readonly complete: boolean; readonly changed: boolean } {
    this.#boots.observe(now);
    let changed = false;
    for (;;) {
      const rows: OutboxRow[] = [];
      const unusable: { readonly seq: number; readonly reason: LossReason }[] = [];
      let size = 0;
      let complete = true;
      this.#lanes[lane].scan(this.#head, after, ({ record, boot, cost, intact }) => {
        // An acknowledged row is read again only when the hub lost it, and then its age does not matter.
        const reason = intact ? this.#isExpired(record, boot, now) && "expired" : "corrupt";
        if (reason !== false) unusable.push({ seq: record.seq, reason });
        else {
          rows.push(this.#toRow(record, boot));
          size += cost;
        }
        complete = rows.length < limit.rows && size < limit.bytes && unusable.length < UNUSABLE_BATCH;
        return complete;
      });
      if (unusable.length > 0) {
        changed = true;
        const given = this.#change(now, (head) =>
          unusable.filter(({ seq, reason }) => this.#giveUp(head, { lane, seq, reason }, now)),
        );
        // A table in which a row is met and not found: reading it again would go on for ever.
        if (given.length === 0) throw new SqliteFailure("corrupt", `No row of sequence ${unusable[0]?.seq} to remove`);
      }
      const last = rows.at(-1);
      if (last !== undefined && limit.offers) this.#offered[lane] = Math.max(this.#offered[lane], last.seq);
      if (last !== undefined || unusable.length === 0) return { rows, complete, changed };
    }
  }

  /** Deletes a row that the hub will never take, and writes it down. */
  refuse(lane: StoredLane, seq: number, now: Now): void {
    this.#change(now, (head) => void this.#giveUp(head, { lane, seq, reason: "refused" }, now));
  }

  /** The hub lost what it had acknowledged above `to`: what is still held counts as waiting again. */
  rewind({ lane, to, rows, gone, now }: RewindRequest): void {
    this.#change(now, (head) => {
      const segments = this.#lanes[lane];
      const { acknowledged, released } = head.lanes[lane];
      for (const row of rows) segments.insert(head, row, this.#boots.current.number);
      segments.rewind(head, to.seq, to.hubSeq ?? null);
      const lost = { from: to.seq + 1, to: Math.min(acknowledged, Math.max(released, gone)), count: 0, bytes: 0 };
      // How many of these sequences were of this lane is not known any more.
      if (lost.from <= lost.to) this.#writeDown(head, lane, lost, "hub-lost", now);
    });
  }

  /** Ends waiting rows that were handed over in a file. Returns how many. */
  handOver(upTo: LaneValues, now: Now, alongside: () => void): number {
    return this.#change(now, (head) => {
      alongside();
      let count = 0;
      for (const lane of STORED_LANES) {
        const mark = upTo[lane];
        if (mark === undefined) continue;
        const removed = this.#lanes[lane].measure(head, mark);
        this.#lanes[lane].acknowledge(head, mark, null);
        if (removed === undefined) continue;
        count += removed.count;
        this.#writeDown(head, lane, removed, "exported", now);
      }
      return count;
    });
  }

  /**
   * Takes a segment that SQLite cannot read out of use: what it still gives is copied into a new one, the rest is
   * written down. Its table stays as it is, for whoever wants to look into it, because dropping would walk through it.
   */
  quarantine(lane: StoredLane, id: number, now: Now): { readonly rescued: number; readonly lost: number } {
    const { acknowledged, segments } = this.#head.lanes[lane];
    const broken = segments.find((segment) => segment.id === id);
    if (broken === undefined) return { rescued: 0, lost: 0 };
    // Before the transaction, because SQLite spoils one that meets a broken page. A segment is small enough to be held.
    const readable: SqlRow[] = [];
    const range = { after: Math.max(acknowledged, broken.first - 1), upTo: broken.last };
    const copy = copyReadable(this.#db, segmentName(id), range, (rows) => void readable.push(...rows));
    return this.#change(now, (head) => {
      const state = head.lanes[lane];
      const fresh: Segment = { ...broken, id: head.nextSegment, rows: 0, bytes: 0, sealed: true };
      head.nextSegment += 1;
      createSegment(this.#db, fresh.id);
      rowInserter(this.#db, fresh.id)(readable);
      Object.assign(fresh, { rows: copy.rows, bytes: copy.bytes });
      this.#heads.removeSegment(id);
      this.#heads.saveSegment(fresh);
      this.#db.exec(`ALTER TABLE ${segmentName(id)} RENAME TO ${QUARANTINED}_${id}`);
      this.#lanes[lane].forget(id);
      const before = state.rows;
      // Acknowledged rows of it are not held any more.
      if (fresh.first <= acknowledged) {
        state.released = Math.max(state.released, Math.min(fresh.last, acknowledged));
      }
      state.segments = state.segments.map((segment) => (segment.id === id ? fresh : segment));
      this.#lanes[lane].recount(head);
      const lost = Math.max(0, before - state.rows);
      // Rows may be missing although every page is read: then nobody knows where.
      const anywhere = lost > 0 ? [{ from: range.after + 1, to: range.upTo }] : [];
      for (const [index, gap] of (copy.gaps.length > 0 ? copy.gaps : anywhere).entries()) {
        // How many of them lay in which gap is not known: the first one tells the number.
        this.#writeDown(head, lane, { ...gap, count: index === 0 ? lost : 0, bytes: 0 }, "corrupt", now);
      }
      return { rescued: copy.rows, lost };
    });
  }

  /** Whether a segment was taken out of use before. */
  hasQuarantined(): boolean {
    return this.#db.prepare(`SELECT name FROM sqlite_schema WHERE name GLOB '${QUARANTINED}_*'`).get() !== undefined;
  }

  ledger(): LedgerEntry[] {
    return this.#ledger.list();
  }

  /** `acknowledged` has what the next commit will bring. */
  overview(acknowledged: LaneValues, now: Now): Readonly<Record<Lane, LaneOverview>> {
    this.#boots.observe(now);
    const lane = (name: Lane): LaneOverview => {
      const { dropped } = this.#head.lanes[name];
      if (!isStoredLane(name)) return { rows: 0, bytes: 0, oldest: undefined, dropped };
      const mark = acknowledged[name] ?? 0;
      const { rows, bytes } = this.#head.lanes[name];
      const done = this.#lanes[name].measure(this.#head, mark) ?? { count: 0, bytes: 0 };
      return { rows: rows - done.count, bytes: bytes - done.bytes, oldest: this.#oldest(name, mark, now), dropped };
    };
    const [critical, standard, latest, ephemeral] = [
      lane("critical"),
      lane("standard"),
      lane("latest"),
      lane("ephemeral"),
    ];
    return { critical, standard, latest, ephemeral };
  }

  #oldest(lane: StoredLane, acknowledged: number, now: Now): Oldest | undefined {
    const mark = Math.max(this.#head.lanes[lane].acknowledged, acknowledged);
    const oldest = this.#lanes[lane].oldest(this.#head, mark);
    return oldest && oldestOf(this.#accepted(oldest), now);
  }

  /** Runs `work` on a copy of the head in one transaction. */
  #change<T>(now: Now, work: (head: Head) => T): T {
    const head = copyHead(this.#head);
    this.#boots.observe(now);
    // Everything that can fail comes before the end of the transaction: what failed must not have happened.
    const { done, unreported } = this.#db.transaction(() => {
      const result = work(head);
      // Only with rows: an idle agent has no boot to remember.
      const hasRows = head.nextSegment > 1 || this.#latest.oldestBoot() !== undefined;
      if (hasRows) {
        this.#boots.register(() => [
          ...STORED_LANES.map((lane) => this.#lanes[lane].oldest(head, 0)?.boot),
          this.#latest.oldestBoot(),
        ]);
      }
      this.#heads.save(head);
      return { done: result, unreported: this.#ledger.hasUnreported() };
    });
    this.#head = head;
    this.#boots.registered();
    this.#commits += 1;
    this.#unreported = unreported;
    return done;
  }

  #acknowledge(head: Head, { acknowledged }: CommitRequest): void {
    for (const lane of LANES) {
      const mark = acknowledged[lane];
      if (mark === undefined || mark.seq <= head.lanes[lane].acknowledged) continue;
      if (isStoredLane(lane)) this.#lanes[lane].acknowledge(head, mark.seq, mark.hubSeq ?? null);
      else Object.assign(head.lanes[lane], { acknowledged: mark.seq, hubSeq: mark.hubSeq ?? null });
    }
  }

  #toRow(record: RowRecord, boot: number): OutboxRow {
    const { lane, seq, owner, ttl, subject, headers, body, monotonic } = record;
    return {
      lane,
      seq,
      owner,
      ttl: ttl === null ? undefined : millis(ttl),
      subject,
      headers: parseHeaders(headers),
      body,
      bootId: this.#boots.find(boot).id,
      monotonic,
      ...acceptedAt(this.#accepted({ ...record, boot })),
    };
  }

  #accepted({ boot, monotonic, wall }: Omit<StampedRow, "seq">): Accepted {
    const { number, offset } = this.#boots.find(boot);
    return { monotonic, wall, thisBoot: number === this.#boots.current.number, offset };
  }

  #isExpired(record: RowRecord, boot: number, now: Now): boolean {
    if (!isStoredLane(record.lane) || record.seq <= this.#head.lanes[record.lane].acknowledged) return false;
    return isExpired(record.ttl, this.#accepted({ ...record, boot }), now);
  }

  /** Segments of which even the newest row is older than any of them is worth sending. */
  #dropExpired(head: Head, lane: StoredLane, now: Now): void {
    for (const segment of head.lanes[lane].segments) {
      if (segment.last <= head.lanes[lane].acknowledged) continue;
      const newest = this.#lanes[lane].newest(segment);
      // One of which nothing is left does not keep those behind it.
      if (newest !== undefined && !isExpired(segment.ttl, this.#accepted(newest), now)) return;
      this.#dropSegment(head, segment, "expired", now);
    }
  }

  #admit(head: Head, wanted: Pick<CommitRequest, "rows" | "groups">): Admitted {
    const limit = Math.min(this.#options.cap, this.#options.laneCaps.critical);
    return admitRows(wanted, limit - head.lanes.critical.bytes);
  }

  /** Makes the caps hold with `incoming` bytes more. `fresh` spares what was offered to the forwarder. */
  #makeRoom(head: Head, now: Now, incoming: number, which: "fresh" | "all"): void {
    const { cap, laneCaps } = this.#options;
    const excess = (): number => storedBytes(head) + incoming - cap;
    for (const lane of STORED_LANES) {
      if (excess() > 0) this.#lanes[lane].release(head, { bytes: excess() });
    }
    const over = (): boolean => excess() > 0 || head.lanes.standard.bytes > laneCaps.standard;
    const { acknowledged } = head.lanes.standard;
    const offered = Math.max(this.#offered.standard, acknowledged);
    const evict = (candidates: readonly Segment[]): void => {
      for (const segment of candidates) {
        if (!over()) return;
        this.#dropSegment(head, segment, "cap", now);
      }
    };
    evict(head.lanes.standard.segments.filter(({ first }) => first > offered));
    if (which === "all") evict([...head.lanes.standard.segments]);
  }

  #dropSegment(head: Head, segment: Segment, reason: LossReason, now: Now): void {
    const nextBorder = (seq: number): number => this.#ledger.nextFrom(segment.lane, seq) ?? Infinity;
    const removed = this.#lanes[segment.lane].drop(head, segment, nextBorder);
    for (const part of removed) this.#writeDown(head, segment.lane, part, reason, now);
  }

  /** False when there is no such row. */
  #giveUp(
    head: Head,
    row: { readonly lane: StoredLane; readonly seq: number; readonly reason: LossReason },
    now: Now,
  ): boolean {
    const removed = this.#lanes[row.lane].remove(head, row.seq);
    if (removed.count === 0) return false;
    this.#writeDown(head, row.lane, removed, row.reason, now);
    return true;
  }

  #writeDown(head: Head, lane: Lane, removed: Removed, reason: LossReason, now: Now): void {
    const { acknowledged } = head.lanes[lane];
    // Rows of the other lanes are known to the main thread only: its losses are taken as they come.
    const hasBetween = (after: number, before: number): boolean =>
      !isStoredLane(lane) || this.#lanes[lane].hasBetween(head, after, before);
    this.#ledger.record({ lane, ...removed, reason }, Math.round(now.wall), { acknowledged, hasBetween });
    head.lanes[lane].dropped += removed.count;
  }

  /** Stores a message about what no report told yet. False when there is none, or no room for it. */
  #report(head: Head, seq: number, now: Now): boolean {
    const report = createLedgerReport(this.#ledger, { seq, now });
    if (report === undefined) return false;
    const { rows } = this.#admit(head, { rows: [report.row], groups: [] });
    const [row] = rows;
    if (row === undefined) return false;
    this.#lanes[row.lane].append(head, row, this.#boots.current.number);
    this.#ledger.markReported(report.entries);
    return true;
  }
}

export function deliveredOf(head: Head): Readonly<Record<Lane, { seq: number; hubSeq: number | undefined }>> {
  const marks = acknowledgedOf(head);
  const of = (lane: Lane): { seq: number; hubSeq: number | undefined } => ({
    seq: marks[lane],
    hubSeq: head.lanes[lane].hubSeq ?? undefined,
  });
  return { critical: of("critical"), standard: of("standard"), latest: of("latest"), ephemeral: of("ephemeral") };
}
