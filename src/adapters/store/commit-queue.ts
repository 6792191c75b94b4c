import { PetioleError } from "../../domain/errors.ts";
import { LANES, type Delivered, type Lane, type StoredLane } from "../../domain/outbox.ts";
import { kibibytes, mebibytes, type Millis } from "../../domain/units.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import { createAlarm, type Alarm } from "./alarm.ts";
import {
  NOTHING,
  requestOf,
  settleBatch,
  type Batch,
  type CriticalRow,
  type StandardRow,
  type WaitingGroup,
  type WaitingWrite,
} from "./commit-batch.ts";
import { commitDue, type CommitPolicy, type LastCommit } from "./commit-plan.ts";
import { createPendingLatest, type PendingLatest } from "./pending-latest.ts";
import { createPendingLosses, type PendingLosses } from "./pending-losses.ts";
import type {
  CommitReply,
  CommitRequest,
  LaneValues,
  MemoryLoss,
  StoredState,
  Write,
  WriteResult,
} from "./protocol.ts";
import type { Now } from "./row-age.ts";
import { costOf, type RowRecord } from "./row.ts";

/** With more than this in memory, `standard` publishers wait for the commit: they must not outrun the disk. */
const SLOW_DOWN_ROWS = 1024;
const SLOW_DOWN_BYTES = kibibytes(512);
/** Bound of what waits in memory, for publishers that do not wait and while commits fail. */
const MAX_WAITING_ROWS = 8192;
const MAX_WAITING_BYTES = mebibytes(4);

export interface CommitQueueDeps {
  readonly commit: (request: CommitRequest) => Promise<CommitReply>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly policy: CommitPolicy;
  readonly now: () => Now;
  /** Gives out a sequence, for a message that the store itself makes. */
  readonly nextSeq: () => number;
  /** Highest sequence handed out so far. */
  readonly lastSeq: () => number;
  /** What the database holds, as of the last commit. */
  readonly stored: () => StoredState;
  /** Highest sequence of each lane that was offered to the forwarder. */
  readonly offered: () => LaneValues;
  /** Rows up to here need not be held any more. */
  readonly released: () => LaneValues;
  /** Subjects of lane `latest` that the database has a message of. */
  readonly storedLatest: Iterable<string>;
  /** Takes `standard` rows that the hub acknowledged before they were written: they never are. Oldest first. */
  readonly onElided: (rows: readonly RowRecord[]) => void;
  /** Called after each commit that succeeded. */
  readonly onCommitted: (reply: CommitReply) => void;
}

/**
 * Gathers what is to be written and commits it in as few transactions as the policy allows. One commit runs at a time
 * and takes all that waits, so rows reach the disk in order of their sequence. A `standard` row that the hub
 * acknowledges before its commit is never written. When a commit fails, whoever waits is told; `standard` rows and
 * book-keeping stay for the next one.
 */
export class CommitQueue {
  readonly #deps: CommitQueueDeps;
  #critical: CriticalRow[] = [];
  #standard: StandardRow[] = [];
  readonly #latest: PendingLatest;
  readonly #losses: PendingLosses = createPendingLosses();
  #acknowledged = new Map<Lane, Delivered>();
  #report = false;
  #reserve = false;
  #writes: WaitingWrite[] = [];
  #groups: WaitingGroup[] = [];
  #criticalBytes = 0;
  #standardBytes = 0;
  #latestSince: Millis | undefined;
  #booksSince: Millis | undefined;
  #lastAcknowledged: Millis | undefined;
  #flush = false;
  #closed = false;
  #last: LastCommit = { at: undefined, failed: false };
  #lastError: Error | undefined;
  /** The commit under way, and what it took. */
  #running: Promise<void> | undefined;
  #committing: Batch = NOTHING;
  #committingBytes = 0;
  readonly #alarm: Alarm;

  constructor(deps: CommitQueueDeps) {
    this.#deps = deps;
    this.#latest = createPendingLatest(deps.storedLatest);
    this.#alarm = createAlarm(deps.clock, () => this.#arm());
  }

  /** Resolves once the row is on disk. */
  async addCritical(row: RowRecord): Promise<void> {
    this.#refuse("ERR_OUTBOX_FULL");
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const cost = costOf(row);
    this.#critical.push({ row, cost, resolve, reject });
    this.#criticalBytes += cost;
    this.#arm();
    await promise;
  }

  /** Resolves at once, or after a commit when too much is in memory. */
  async addStandard(row: RowRecord): Promise<void> {
    this.#refuse("ERR_OUTBOX_FULL");
    const cost = costOf(row);
    this.#standard.push({ row, cost, since: this.#deps.clock.monotonic() });
    this.#standardBytes += cost;
    this.#arm();
    // While commits fail, waiting would only try the disk more often. The bound ends that.
    if (this.#last.failed) return;
    if (this.#standard.length > SLOW_DOWN_ROWS || this.#standardBytes > SLOW_DOWN_BYTES) await this.#attempt();
  }

  /** The newest message of its subject, for the next start. */
  putLatest(row: RowRecord): void {
    this.#latest.put(row);
    this.#latestSince ??= this.#deps.clock.monotonic();
    this.#arm();
  }

  /** A message that `putLatest` got is not needed any more; one that was never written costs nothing. */
  dropLatest(subject: string, seq: number): void {
    const isStored = this.#latest.drop(subject, seq);
    if (this.#latest.rows === 0) this.#latestSince = undefined;
    if (isStored) this.#keepBooks();
  }

  /** The hub holds all of the lane up to there. `standard` rows among them that wait are not written. */
  acknowledge(lane: Lane, delivered: Delivered): void {
    const known = this.#acknowledged.get(lane);
    if (known === undefined || known.seq < delivered.seq) this.#acknowledged.set(lane, delivered);
    this.#lastAcknowledged = this.#deps.clock.monotonic();
    if (this.#hasUnmarked(lane)) this.#keepBooks();
    if (lane !== "standard") return;
    let count = 0;
    while ((this.#standard[count]?.row.seq ?? Infinity) <= delivered.seq) count += 1;
    const elided = this.#standard.splice(0, count);
    for (const { cost } of elided) this.#standardBytes -= cost;
    if (count > 0) this.#deps.onElided(elided.map(({ row }) => row));
  }

  /** Takes a `standard` row out that is not to be written after all; undefined when a commit has it already. */
  takeOut(seq: number): RowRecord | undefined {
    const index = this.#standard.findIndex(({ row }) => row.seq === seq);
    const [taken] = index < 0 ? [] : this.#standard.splice(index, 1);
    this.#standardBytes -= taken?.cost ?? 0;
    return taken?.row;
  }

  /** Messages that were given up in memory, oldest first. */
  lose(loss: MemoryLoss): void {
    this.#losses.add(loss);
    this.#keepBooks();
  }

  /** Stores a message about losses that no report told yet. */
  report(): void {
    this.#report = true;
    this.#keepBooks();
  }

  /** Resolves once the write is on disk. */
  async write(write: Write): Promise<WriteResult> {
    this.#refuse("ERR_STORE_FAILED");
    const { promise, resolve, reject } = Promise.withResolvers<WriteResult>();
    this.#writes.push({ write, resolve, reject });
    this.#arm();
    return await promise;
  }

  /**
   * Rows and a note of them, all in one commit or not at all. Resolves once they are on disk.
   * @throws PetioleError ERR_OUTBOX_FULL, ERR_STORE_FAILED; then nothing of it is kept
   */
  async writeTogether(rows: readonly RowRecord[], note: Write): Promise<void> {
    this.#refuse("ERR_STORE_FAILED");
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#groups.push({ rows, note, resolve, reject });
    this.#arm();
    await promise;
  }

  /**
   * Resolves when no write to `place` waits in memory any more, whatever became of it: a read that is asked for then
   * sees what was written before it.
   */
  async afterWrites(place: { readonly bucket: string } | { readonly name: string }): Promise<void> {
    const waits = this.#writes.some(({ write }) =>
      write.kind === "put-state"
        ? "name" in place && place.name === write.name
        : "bucket" in place && place.bucket === write.bucket,
    );
    if (waits) await this.#attempt();
  }

  /**
   * `standard` rows that are not on disk for certain and may be read, oldest first: of a commit under way, then those
   * that wait. What is written together may still be refused, so it ends there.
   */
  *standardRows(): IterableIterator<RowRecord> {
    const together = [...this.#committing.groups, ...this.#groups].flatMap(({ rows }) => rows);
    const end = Math.min(...together.filter(({ lane }) => lane === "standard").map(({ seq }) => seq));
    for (const rows of [this.#committing.standard, this.#standard]) {
      for (const { row } of rows) {
        if (row.seq > end) return;
        yield row;
      }
    }
  }

  /** What waits in memory, by lane; not what a commit under way has taken. */
  waiting(lane: StoredLane): readonly { readonly row: RowRecord; readonly cost: number }[] {
    return lane === "standard" ? this.#standard : this.#critical;
  }

  /** All rows that the database does not hold, of a commit under way too. */
  unwritten(): readonly { readonly row: RowRecord; readonly cost: number }[] {
    const { critical, standard } = this.#committing;
    return [...critical, ...standard, ...this.#critical, ...this.#standard];
  }

  /** Bytes of `standard` rows that wait or are being written. */
  get standardBytes(): number {
    return this.#committingBytes + this.#standardBytes;
  }

  /** Why commits fail now. */
  get failure(): Error | undefined {
    return this.#last.failed ? this.#lastError : undefined;
  }

  /** Something can be cleared away: a commit some time, but no flush waits for it. */
  sweep(): void {
    this.#keepBooks();
  }

  /** Sequences run out that are reserved on disk. */
  reserve(): void {
    this.#reserve = true;
    if (this.#last.failed) {
      this.#keepBooks();
      return;
    }
    this.#flush = true;
    this.#arm();
  }

  /**
   * Commits all that waits now; what comes meanwhile need not be waited for.
   * @throws PetioleError ERR_STORE_FAILED when something could not be written
   */
  async flush(): Promise<void> {
    if (this.#running === undefined && !this.#isWaiting()) return;
    await this.#attempt();
    if (this.#last.failed && this.#lastError !== undefined) throw this.#lastError;
  }

  /**
   * Takes nothing more, and commits what waits.
   * @throws PetioleError ERR_STORE_FAILED when that fails: what was only buffered is lost then
   */
  async close(): Promise<void> {
    this.#closed = true;
    try {
      while (this.#running !== undefined || this.#isWaiting()) await this.flush();
    } catch (cause) {
      const lost = this.#standard.length;
      throw new PetioleError("ERR_STORE_FAILED", `Cannot close the store cleanly: ${lost} buffered messages are lost`, {
        cause,
      });
    } finally {
      this.#alarm.cancel();
    }
  }

  #keepBooks(): void {
    this.#booksSince ??= this.#deps.clock.monotonic();
    this.#arm();
  }

  /** Whether the database holds rows of the lane that it does not know to be acknowledged. */
  #hasUnmarked(lane: Lane): boolean {
    if (lane !== "critical" && lane !== "standard") return false;
    const { last, acknowledged } = this.#deps.stored().lanes[lane];
    return last > acknowledged;
  }

  /** A commit of all that waits now, whatever becomes of it. */
  async #attempt(): Promise<void> {
    // What a commit under way took is not all.
    await this.#running;
    if (!this.#isWaiting()) return;
    this.#flush = true;
    this.#arm();
    await this.#running;
  }

  #isWaiting(): boolean {
    return (
      this.#critical.length > 0 ||
      this.#standard.length > 0 ||
      this.#latest.rows > 0 ||
      this.#latest.done > 0 ||
      this.#losses.size > 0 ||
      this.#writes.length > 0 ||
      this.#groups.length > 0 ||
      this.#acknowledged.size > 0
    );
  }

  #refuse(code: "ERR_OUTBOX_FULL" | "ERR_STORE_FAILED"): void {
    if (this.#closed) throw new PetioleError("ERR_STORE_FAILED", "Cannot store anything more: the store is closed");
    // While commits fail, what one took comes back.
    const returning = this.#last.failed ? this.#committing.standard.length : 0;
    const rows = this.#critical.length + this.#standard.length + this.#writes.length + this.#groups.length + returning;
    if (rows < MAX_WAITING_ROWS && this.#criticalBytes + this.standardBytes < MAX_WAITING_BYTES) return;
    if (this.#last.failed && this.#lastError !== undefined) throw this.#lastError;
    throw new PetioleError(code, `Cannot store anything more: ${rows} messages and writes wait for the disk already`);
  }

  #isFlowing(now: Millis): boolean {
    return this.#lastAcknowledged !== undefined && now - this.#lastAcknowledged <= this.#deps.policy.interval;
  }

  /** Sets the timer to when the next commit is due. */
  #arm(): void {
    if (this.#running !== undefined || (this.#closed && !this.#flush)) return;
    const now = this.#deps.clock.monotonic();
    const due = commitDue(
      {
        urgent: this.#critical.length + this.#writes.length + this.#groups.length,
        standardRows: this.#standard.length,
        standardBytes: this.#standardBytes,
        standardSince: this.#standard[0]?.since,
        latestSince: this.#latestSince,
        booksSince: this.#booksSince,
        flowing: this.#isFlowing(now),
        flush: this.#flush,
      },
      this.#deps.policy,
      this.#last,
    );
    if (due === undefined) return;
    if (due > now) {
      this.#alarm.set(due);
      return;
    }
    this.#alarm.cancel();
    this.#running = this.#run();
  }

  async #run(): Promise<void> {
    // What else is published in this turn of the event loop shares the commit.
    await new Promise(setImmediate);
    const batch = this.#take();
    this.#last = { at: this.#deps.clock.monotonic(), failed: this.#last.failed };
    const reply = await this.#deps.commit(this.#toRequest(batch)).catch((error: unknown) => {
      this.#fail(batch, error instanceof Error ? error : new Error(String(error)));
      return undefined;
    });
    this.#running = undefined;
    this.#endCommit();
    if (reply !== undefined) {
      if (this.#last.failed) this.#deps.log.info("The store takes messages again");
      this.#last = { ...this.#last, failed: false };
      this.#latest.committed(batch.latest);
      settleBatch(batch, reply);
      this.#deps.onCommitted(reply);
      // What was acknowledged while it was being written.
      for (const lane of this.#acknowledged.keys()) if (this.#hasUnmarked(lane)) this.#keepBooks();
    }
    this.#arm();
  }

  #endCommit(): void {
    this.#committing = NOTHING;
    this.#committingBytes = 0;
  }

  #take(): Batch {
    const batch: Batch = {
      critical: this.#critical,
      standard: this.#standard,
      latest: this.#latest.take(),
      acknowledged: this.#acknowledged,
      losses: this.#losses.take(),
      report: this.#report,
      reserve: this.#reserve,
      writes: this.#writes,
      groups: this.#groups,
    };
    this.#committing = batch;
    this.#committingBytes = this.#standardBytes;
    this.#critical = [];
    this.#standard = [];
    this.#acknowledged = new Map();
    this.#report = false;
    this.#reserve = false;
    this.#writes = [];
    this.#groups = [];
    this.#criticalBytes = 0;
    this.#standardBytes = 0;
    this.#latestSince = undefined;
    this.#booksSince = undefined;
    this.#flush = false;
    return batch;
  }

  #toRequest(batch: Batch): CommitRequest {
    const { now, nextSeq, lastSeq, offered, released } = this.#deps;
    // A report takes a sequence, which is then the last one.
    const reportSeq = batch.report ? nextSeq() : undefined;
    return requestOf(batch, { now: now(), reportSeq, lastSeq: lastSeq(), offered: offered(), released: released() });
  }

  #fail(batch: Batch, error: Error): void {
    if (!this.#last.failed) {
      this.#deps.log.error("The store cannot commit", { err: error, kept: batch.standard.length });
    }
    this.#last = { ...this.#last, failed: true };
    this.#lastError = error;
    this.#endCommit();
    const now = this.#deps.clock.monotonic();
    const done = this.#acknowledged.get("standard")?.seq ?? 0;
    const elided = batch.standard.filter(({ row }) => row.seq <= done);
    this.#standard = [...batch.standard.slice(elided.length), ...this.#standard];
    this.#standardBytes = this.#standard.reduce((sum, { cost }) => sum + cost, 0);
    this.#latest.restore(batch.latest);
    if (this.#latest.rows > 0) this.#latestSince ??= now;
    for (const lane of LANES) {
      const before = batch.acknowledged.get(lane);
      const since = this.#acknowledged.get(lane);
      if (before !== undefined && (since?.seq ?? 0) < before.seq) this.#acknowledged.set(lane, before);
    }
    this.#losses.restore(batch.losses);
    this.#report ||= batch.report;
    this.#reserve ||= batch.reserve;
    const hasBooks = this.#acknowledged.size + this.#losses.size + this.#latest.done > 0;
    if (hasBooks || this.#report || this.#reserve) this.#booksSince ??= now;
    for (const waiting of [...batch.critical, ...batch.writes, ...batch.groups]) waiting.reject(error);
    if (elided.length > 0) this.#deps.onElided(elided.map(({ row }) => row));
  }
}
