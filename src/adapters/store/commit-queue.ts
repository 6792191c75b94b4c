import { PetioleError } from "../../domain/errors.ts";
import { LANES, type Lane } from "../../domain/outbox.ts";
import { bytes, kibibytes, mebibytes, millis, type Bytes, type Millis } from "../../domain/units.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import { wallNow } from "./admission.ts";
import { commitDue, type CommitPolicy, type LastCommit } from "./commit-plan.ts";
import type { CommitReply, CommitRequest, Write, WriteResult } from "./protocol.ts";
import { recordSizes, rowCost, type RowRecord } from "./row.ts";

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
  /** Called after each commit that succeeded. */
  readonly onCommitted: (reply: CommitReply) => void;
  /** Highest sequence handed out so far. */
  readonly lastSeq: () => number;
}

interface CriticalRow {
  readonly row: RowRecord;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

interface WaitingWrite {
  readonly write: Write;
  readonly resolve: (result: WriteResult) => void;
  readonly reject: (error: Error) => void;
}

interface Batch {
  readonly critical: readonly CriticalRow[];
  readonly standard: readonly RowRecord[];
  readonly acknowledged: ReadonlyMap<Lane, number>;
  readonly writes: readonly WaitingWrite[];
}

/**
 * Gathers what is to be written and commits it in as few transactions as the policy allows. One commit runs at a time
 * and takes all that waits, so rows reach the disk in order of their sequence. When a commit fails, whoever waits is
 * told; `standard` rows and acknowledgements stay for the next one.
 */
export class CommitQueue {
  readonly #deps: CommitQueueDeps;
  #critical: CriticalRow[] = [];
  #standard: RowRecord[] = [];
  #acknowledged = new Map<Lane, number>();
  #writes: WaitingWrite[] = [];
  #criticalBytes = 0;
  #standardBytes = 0;
  #standardSince: Millis | undefined;
  #acknowledgedSince: Millis | undefined;
  #sweepSince: Millis | undefined;
  #flush = false;
  #closed = false;
  #last: LastCommit = { at: undefined, failed: false };
  #lastError: Error | undefined;
  /** The commit under way. */
  #running: Promise<void> | undefined;
  #alarm: { readonly at: number; readonly cancel: AbortController } | undefined;

  constructor(deps: CommitQueueDeps) {
    this.#deps = deps;
  }

  /** Resolves once the row is on disk. */
  async addCritical(row: RowRecord): Promise<void> {
    this.#refuse("ERR_OUTBOX_FULL");
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#critical.push({ row, resolve, reject });
    this.#criticalBytes += costOf(row);
    this.#arm();
    await promise;
  }

  /** Resolves at once, or after a commit when too much is in memory. */
  async addStandard(row: RowRecord): Promise<void> {
    this.#refuse("ERR_OUTBOX_FULL");
    this.#standard.push(row);
    this.#standardBytes += costOf(row);
    this.#standardSince ??= this.#deps.clock.monotonic();
    this.#arm();
    // While commits fail, waiting would only try the disk more often. The bound ends that.
    if (this.#last.failed) return;
    if (this.#standard.length > SLOW_DOWN_ROWS || this.#standardBytes > SLOW_DOWN_BYTES) await this.#attempt();
  }

  acknowledge(lane: Lane, seq: number): void {
    this.#acknowledged.set(lane, Math.max(seq, this.#acknowledged.get(lane) ?? 0));
    this.#acknowledgedSince ??= this.#deps.clock.monotonic();
    this.#arm();
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

  /** What waits in memory, by lane; not what a commit under way has taken. */
  waiting(lane: Lane): readonly RowRecord[] {
    return lane === "standard" ? this.#standard : this.#critical.map(({ row }) => row);
  }

  get criticalBytes(): number {
    return this.#criticalBytes;
  }

  /** Acknowledged rows are left to delete: a commit some time, but no flush waits for it. */
  sweep(): void {
    this.#sweepSince ??= this.#deps.clock.monotonic();
    this.#arm();
  }

  /**
   * Commits all that waits now.
   * @throws PetioleError ERR_STORE_FAILED when something could not be written
   */
  async flush(): Promise<void> {
    while (this.#running !== undefined || this.#isWaiting()) {
      await this.#attempt();
      if (this.#last.failed && this.#lastError !== undefined) throw this.#lastError;
    }
  }

  /**
   * Takes nothing more, and commits what waits.
   * @throws PetioleError ERR_STORE_FAILED when that fails: what was only buffered is lost then
   */
  async close(): Promise<void> {
    this.#closed = true;
    try {
      await this.flush();
    } catch (cause) {
      const lost = this.#standard.length;
      throw new PetioleError("ERR_STORE_FAILED", `Cannot close the store cleanly: ${lost} buffered messages are lost`, {
        cause,
      });
    } finally {
      this.#cancelAlarm();
    }
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
      this.#writes.length > 0 ||
      this.#acknowledgedSince !== undefined
    );
  }

  #refuse(code: "ERR_OUTBOX_FULL" | "ERR_STORE_FAILED"): void {
    if (this.#closed) throw new PetioleError("ERR_STORE_FAILED", "Cannot store anything more: the store is closed");
    const rows = this.#critical.length + this.#standard.length + this.#writes.length;
    if (rows < MAX_WAITING_ROWS && this.#criticalBytes + this.#standardBytes < MAX_WAITING_BYTES) return;
    if (this.#last.failed && this.#lastError !== undefined) throw this.#lastError;
    throw new PetioleError(code, `Cannot store anything more: ${rows} messages and writes wait for the disk already`);
  }

  /** Sets the timer to when the next commit is due. */
  #arm(): void {
    if (this.#running !== undefined || (this.#closed && !this.#flush)) return;
    const due = commitDue(
      {
        urgent: this.#critical.length + this.#writes.length,
        standardRows: this.#standard.length,
        standardBytes: bytes(this.#standardBytes),
        standardSince: this.#standardSince,
        acknowledgedSince: this.#acknowledgedSince ?? this.#sweepSince,
        flush: this.#flush,
      },
      this.#deps.policy,
      this.#last,
    );
    if (due === undefined) return;
    const now = this.#deps.clock.monotonic();
    if (due <= now) {
      this.#cancelAlarm();
      this.#running = this.#run();
      return;
    }
    if (this.#alarm !== undefined && this.#alarm.at <= due) return;
    this.#cancelAlarm();
    const cancel = new AbortController();
    this.#alarm = { at: due, cancel };
    this.#deps.clock.sleep(millis(due - now), cancel.signal).then(
      () => {
        this.#alarm = undefined;
        this.#arm();
      },
      () => {
        // Cancelled: another commit came first.
      },
    );
  }

  #cancelAlarm(): void {
    this.#alarm?.cancel.abort();
    this.#alarm = undefined;
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
    if (reply !== undefined) {
      if (this.#last.failed) this.#deps.log.info("The store takes messages again");
      this.#last = { ...this.#last, failed: false };
      settle(batch, reply);
      this.#deps.onCommitted(reply);
    }
    this.#arm();
  }

  #take(): Batch {
    const batch = {
      critical: this.#critical,
      standard: this.#standard,
      acknowledged: this.#acknowledged,
      writes: this.#writes,
    };
    this.#critical = [];
    this.#standard = [];
    this.#acknowledged = new Map();
    this.#writes = [];
    this.#criticalBytes = 0;
    this.#standardBytes = 0;
    this.#standardSince = undefined;
    this.#acknowledgedSince = undefined;
    this.#sweepSince = undefined;
    this.#flush = false;
    return batch;
  }

  #toRequest(batch: Batch): CommitRequest {
    const rows = [...batch.standard, ...batch.critical.map(({ row }) => row)].sort((a, b) => a.seq - b.seq);
    return {
      kind: "commit",
      wall: wallNow(this.#deps.clock),
      rows,
      lastSeq: this.#deps.lastSeq(),
      acknowledged: Object.fromEntries(batch.acknowledged),
      writes: batch.writes.map(({ write }) => write),
    };
  }

  #fail(batch: Batch, error: Error): void {
    if (!this.#last.failed) {
      this.#deps.log.error("The store cannot commit", { err: error, kept: batch.standard.length });
    }
    this.#last = { ...this.#last, failed: true };
    this.#lastError = error;
    this.#standard = [...batch.standard, ...this.#standard];
    this.#standardBytes = this.#standard.reduce((sum, row) => sum + costOf(row), 0);
    const now = this.#deps.clock.monotonic();
    if (this.#standard.length > 0) this.#standardSince ??= now;
    for (const lane of LANES) {
      const seq = batch.acknowledged.get(lane);
      if (seq === undefined) continue;
      this.#acknowledged.set(lane, Math.max(seq, this.#acknowledged.get(lane) ?? 0));
      this.#acknowledgedSince ??= now;
    }
    for (const waiting of [...batch.critical, ...batch.writes]) waiting.reject(error);
  }
}

function settle(batch: Batch, reply: CommitReply): void {
  const refused = new Set(reply.refused);
  for (const { row, resolve, reject } of batch.critical) {
    if (refused.has(row.seq)) reject(outboxFull("critical"));
    else resolve();
  }
  for (const [index, { resolve, reject }] of batch.writes.entries()) {
    const result = reply.writes[index];
    if (result !== undefined) resolve(result);
    else reject(new PetioleError("ERR_INVARIANT", "Cannot finish a write: the store's worker did not answer it"));
  }
}

export function outboxFull(lane: Lane): PetioleError {
  return new PetioleError(
    "ERR_OUTBOX_FULL",
    `Cannot accept a message for lane "${lane}": the outbox is full of critical messages that the hub has not taken`,
  );
}

function costOf(row: RowRecord): Bytes {
  return rowCost(recordSizes(row));
}
