import { describe, test } from "vitest";
import { PetioleError } from "../../domain/errors.ts";
import type { Delivered, Lane } from "../../domain/outbox.ts";
import { millis, type Millis } from "../../domain/units.ts";
import type { Clock } from "../../lib/clock.ts";
import { silentLogger } from "../../lib/log.ts";
import { DEFAULT_POLICY } from "./commit-plan.ts";
import { CommitQueue } from "./commit-queue.ts";
import type { CommitReply, CommitRequest, StoredLaneState, StoredState } from "./protocol.ts";
import { makeRecord, type RowRecord } from "./row.ts";

const EMPTY: StoredLaneState = { rows: 0, bytes: 0, owners: {}, acknowledged: 0, last: 0, nextRelease: 0 };
const NOW = { wall: 0, monotonic: 0, synced: true };
const NOTHING_STORED: StoredState = {
  lanes: { critical: EMPTY, standard: EMPTY },
  stored: 0,
  floor: 100_000,
  unreported: false,
};
const REPLY: CommitReply = { ...NOTHING_STORED, refused: [], writes: [], readable: [], spacious: false };
const at = (seq: number): Delivered => ({ seq, hubSeq: seq });

/** Time that stands still until told otherwise. */
class ManualClock implements Clock {
  #now = 1000;
  #sleepers: { readonly at: number; readonly wake: () => void }[] = [];
  readonly wall = (): Millis => millis(this.#now);
  readonly monotonic = (): Millis => millis(this.#now);
  readonly boottime = (): Millis => millis(this.#now);
  readonly nanoseconds = (): bigint => BigInt(this.#now) * 1_000_000n;
  readonly sleep = (duration: Millis, signal?: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      this.#sleepers.push({ at: this.#now + duration, wake: resolve });
      signal?.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
    });

  get sleepers(): number {
    return this.#sleepers.length;
  }

  advance(duration: number): void {
    this.#now += duration;
    const due = this.#sleepers.filter(({ at }) => at <= this.#now);
    this.#sleepers = this.#sleepers.filter(({ at }) => at > this.#now);
    for (const { wake } of due) wake();
  }
}

class FakeDisk {
  readonly requests: CommitRequest[] = [];
  failure: PetioleError | undefined;
  reply: Partial<CommitReply> = {};
  onCommit = (): void => {};
  #gate: Promise<void> = Promise.resolve();

  readonly commit = async (request: CommitRequest): Promise<CommitReply> => {
    this.requests.push(request);
    if (this.requests.length > 100) throw new Error("Commits without end");
    this.onCommit();
    await this.#gate;
    if (this.failure !== undefined) throw this.failure;
    return { ...REPLY, writes: request.writes.map(() => ({ ok: true, value: undefined })), ...this.reply };
  };

  /** Holds commits until the returned function is called. */
  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#gate = promise;
    return resolve;
  }
}

/** The queue commits in the next turn of the event loop; two turns later whatever follows from it has happened. */
async function turns(): Promise<void> {
  for (let n = 0; n < 3; n += 1) await new Promise(setImmediate);
}

function setUp(stored: StoredState = NOTHING_STORED): {
  clock: ManualClock;
  disk: FakeDisk;
  queue: CommitQueue;
  row: (lane: Lane) => RowRecord;
  elided: readonly number[];
} {
  const clock = new ManualClock();
  const disk = new FakeDisk();
  const elided: number[] = [];
  let seq = 0;
  const row = (lane: Lane): RowRecord => {
    seq += 1;
    const stamp = { seq, monotonic: millis(seq), wall: millis(seq), ttl: null };
    return makeRecord({ lane, subject: "s", body: new Uint8Array(100), headers: {} }, stamp);
  };
  const queue = new CommitQueue({
    commit: disk.commit,
    clock,
    log: silentLogger,
    policy: DEFAULT_POLICY,
    now: () => NOW,
    nextSeq: () => (seq += 1),
    lastSeq: () => seq,
    stored: () => stored,
    offered: () => ({}),
    released: () => ({}),
    storedLatest: [],
    onElided: (rows) => void elided.push(...rows.map((one) => one.seq)),
    onCommitted: () => {},
  });
  return { clock, disk, queue, row, elided };
}

const sequences = (request: CommitRequest | undefined): readonly number[] | undefined =>
  request?.rows.map(({ seq }) => seq);

describe("CommitQueue", () => {
  test("commits critical rows of one moment together, and at once", async ({ expect }) => {
    const { disk, queue, row } = setUp();
    await Promise.all([queue.addCritical(row("critical")), queue.addCritical(row("critical"))]);
    expect(disk.requests.map(sequences)).toEqual([[1, 2]]);
  });

  test("gathers critical rows that follow closely for 10 ms", async ({ expect }) => {
    const { clock, disk, queue, row } = setUp();
    await queue.addCritical(row("critical"));
    const second = queue.addCritical(row("critical"));
    clock.advance(9);
    await turns();
    const third = queue.addCritical(row("critical"));
    expect(disk.requests).toHaveLength(1);
    clock.advance(1);
    await Promise.all([second, third]);
    expect(disk.requests.map(sequences)).toEqual([[1], [2, 3]]);
  });

  test("commits standard rows after the interval", async ({ expect }) => {
    const { clock, disk, queue, row } = setUp();
    await queue.addStandard(row("standard"));
    clock.advance(999);
    await queue.addStandard(row("standard"));
    await turns();
    expect(disk.requests).toHaveLength(0);
    clock.advance(1);
    await turns();
    expect(disk.requests.map(sequences)).toEqual([[1, 2]]);
  });

  test("commits standard rows without waiting once there are 128", async ({ expect }) => {
    const { disk, queue, row } = setUp();
    for (let n = 0; n < 128; n += 1) await queue.addStandard(row("standard"));
    await turns();
    expect(disk.requests.map((request) => request.rows.length)).toEqual([128]);
  });

  test("takes waiting standard rows along with a critical one, in order of their sequence", async ({ expect }) => {
    const { disk, queue, row } = setUp();
    await queue.addStandard(row("standard"));
    const critical = queue.addCritical(row("critical"));
    await queue.addStandard(row("standard"));
    await critical;
    expect(disk.requests.map(sequences)).toEqual([[1, 2, 3]]);
  });

  test("runs one commit at a time; what comes meanwhile goes into the next", async ({ expect }) => {
    const { clock, disk, queue, row } = setUp();
    const release = disk.hold();
    const first = queue.addCritical(row("critical"));
    await turns();
    const others = [queue.addCritical(row("critical")), queue.addCritical(row("critical"))];
    clock.advance(50);
    await turns();
    expect(disk.requests).toHaveLength(1);
    release();
    await Promise.all([first, ...others]);
    expect(disk.requests.map(sequences)).toEqual([[1], [2, 3]]);
  });

  test("lets acknowledgements of rows on disk wait, and sends the highest of each lane", async ({ expect }) => {
    const last = { ...EMPTY, last: 20 };
    const { clock, disk, queue } = setUp({ ...NOTHING_STORED, lanes: { critical: last, standard: last } });
    queue.acknowledge("standard", at(5));
    queue.acknowledge("standard", at(9));
    queue.acknowledge("critical", at(7));
    await turns();
    expect(disk.requests).toHaveLength(0);
    clock.advance(5000);
    await turns();
    expect(disk.requests.map((request) => request.acknowledged)).toEqual([{ standard: at(9), critical: at(7) }]);
  });

  test("writes no standard row that was acknowledged before its commit, and no commit for it", async ({ expect }) => {
    const { clock, disk, queue, row, elided } = setUp();
    for (let n = 0; n < 3; n += 1) await queue.addStandard(row("standard"));
    queue.acknowledge("standard", at(2));
    expect(elided).toEqual([1, 2]);
    expect([...queue.standardRows()].map(({ seq }) => seq)).toEqual([3]);
    queue.acknowledge("standard", at(3));
    expect(elided).toEqual([1, 2, 3]);
    clock.advance(60_000);
    await turns();
    expect(disk.requests).toEqual([]);
    // The next commit that there is anyway takes the mark along.
    await queue.addCritical(row("critical"));
    expect(disk.requests.map((request) => request.acknowledged)).toEqual([{ standard: at(3) }]);
  });

  test("counts the interval from the oldest row that was not acknowledged", async ({ expect }) => {
    const { clock, disk, queue, row } = setUp();
    await queue.addStandard(row("standard"));
    clock.advance(600);
    await queue.addStandard(row("standard"));
    queue.acknowledge("standard", at(1));
    clock.advance(600);
    await turns();
    expect(disk.requests).toEqual([]);
    clock.advance(400);
    await turns();
    expect(disk.requests.map(sequences)).toEqual([[2]]);
  });

  test("keeps rows readable while they are being written", async ({ expect }) => {
    const { disk, queue, row } = setUp();
    const release = disk.hold();
    await queue.addStandard(row("standard"));
    const flushing = queue.flush();
    await turns();
    await queue.addStandard(row("standard"));
    expect([...queue.standardRows()].map(({ seq }) => seq)).toEqual([1, 2]);
    release();
    await flushing;
    expect([...queue.standardRows()].map(({ seq }) => seq)).toEqual([2]);
  });

  test("hands on what was acknowledged during a commit that failed, and writes it never", async ({ expect }) => {
    const { disk, queue, row, elided } = setUp();
    const release = disk.hold();
    for (let n = 0; n < 3; n += 1) await queue.addStandard(row("standard"));
    const flushing = queue.flush();
    await turns();
    queue.acknowledge("standard", at(2));
    disk.failure = new PetioleError("ERR_STORE_FAILED", "no room");
    release();
    await expect(flushing).rejects.toThrow("no room");
    expect(elided).toEqual([1, 2]);
    disk.failure = undefined;
    await queue.flush();
    expect(sequences(disk.requests.at(-1))).toEqual([3]);
  });

  test("keeps nothing of rows that come together when their commit fails, and gives them to nobody before", async ({
    expect,
  }) => {
    const { disk, queue, row } = setUp();
    await queue.addStandard(row("standard"));
    const together = queue.writeTogether([row("standard"), row("critical")], {
      kind: "put-state",
      name: "n",
      value: "2",
    });
    await queue.addStandard(row("standard"));
    expect([...queue.standardRows()].map(({ seq }) => seq)).toEqual([1]);
    disk.failure = new PetioleError("ERR_STORE_FAILED", "no room");
    await expect(together).rejects.toThrow("no room");
    disk.failure = undefined;
    await queue.flush();
    expect(disk.requests.map(sequences)).toEqual([
      [1, 2, 3, 4],
      [1, 4],
    ]);
  });

  test("does not keep messages of lane latest that were dropped during a commit that failed", async ({ expect }) => {
    const { disk, queue, row } = setUp();
    const release = disk.hold();
    queue.putLatest(row("latest"));
    const flushing = queue.flush();
    await turns();
    queue.dropLatest("s", 1);
    disk.failure = new PetioleError("ERR_STORE_FAILED", "no room");
    release();
    await expect(flushing).rejects.toThrow("no room");
    disk.failure = undefined;
    await queue.flush();
    expect(disk.requests.at(-1)?.latest).toEqual([]);
  });

  test("commits the newest value of a subject after half a minute, and none that is gone", async ({ expect }) => {
    const { clock, disk, queue, row } = setUp();
    queue.putLatest(row("latest"));
    queue.putLatest(row("latest"));
    clock.advance(30_000);
    await turns();
    expect(disk.requests.map(({ latest }) => latest.map(({ seq }) => seq))).toEqual([[2]]);
    queue.putLatest(row("latest"));
    queue.dropLatest("s", 3);
    clock.advance(30_000);
    await turns();
    const last = disk.requests.at(-1);
    expect([last?.latest, last?.latestDone]).toEqual([[], [{ subject: "s", seq: 3 }]]);
  });

  test("keeps losses until they are written, few in number", async ({ expect }) => {
    const { disk, queue, row } = setUp();
    for (let seq = 1; seq <= 1000; seq += 1) {
      queue.lose({ lane: "ephemeral", from: seq, to: seq, count: 1, bytes: 10, reason: "cap" });
    }
    disk.failure = new PetioleError("ERR_STORE_FAILED", "no room");
    await expect(queue.addCritical(row("critical"))).rejects.toThrow("no room");
    disk.failure = undefined;
    await queue.flush();
    const losses = disk.requests.at(-1)?.losses ?? [];
    expect(losses.length).toBeLessThanOrEqual(256);
    expect(losses.reduce((sum, { count }) => sum + count, 0)).toBe(1000);
    expect(losses.at(-1)?.to).toBe(1000);
  });

  test("rejects a critical row that found no room with ERR_OUTBOX_FULL", async ({ expect }) => {
    const { disk, queue, row } = setUp();
    disk.reply = { refused: [2] };
    const results = await Promise.allSettled([queue.addCritical(row("critical")), queue.addCritical(row("critical"))]);
    expect(results).toMatchObject([{ status: "fulfilled" }, { reason: { code: "ERR_OUTBOX_FULL" } }]);
  });

  test("keeps standard rows and acknowledgements of a failed commit, and tells who waits", async ({ expect }) => {
    const { clock, disk, queue, row } = setUp();
    disk.failure = new PetioleError("ERR_STORE_FAILED", "no room");
    await queue.addStandard(row("standard"));
    queue.acknowledge("critical", at(1));
    await expect(queue.addCritical(row("critical"))).rejects.toMatchObject({ code: "ERR_STORE_FAILED" });
    const write = queue.write({ kind: "delete", bucket: "b", key: "k" });
    clock.advance(10);
    await expect(write).rejects.toThrow("no room");
    disk.failure = undefined;
    await queue.addStandard(row("standard"));
    clock.advance(1000);
    await turns();
    const last = disk.requests.at(-1);
    expect(sequences(last)).toEqual([1, 3]);
    expect(last?.acknowledged).toEqual({ critical: at(1) });
  });

  test("bounds what waits while commits fail", async ({ expect }) => {
    const { disk, queue, row } = setUp();
    disk.failure = new PetioleError("ERR_STORE_FAILED", "no room");
    let accepted = 0;
    const fill = async (): Promise<void> => {
      for (; accepted < 100_000; accepted += 1) await queue.addStandard(row("standard"));
    };
    await expect(fill()).rejects.toMatchObject({ code: "ERR_STORE_FAILED" });
    expect(accepted).toBe(8192);
    expect(queue.waiting("standard").length).toBe(accepted);
    // Time stands still: the disk was not tried for every message.
    expect(disk.requests.length).toBeLessThan(5);
    disk.failure = undefined;
    await queue.flush();
    expect(disk.requests.at(-1)?.rows).toHaveLength(accepted);
  });

  test("slows standard publishers down that outrun the disk", async ({ expect }) => {
    const { disk, queue, row } = setUp();
    const release = disk.hold();
    let resolved = 0;
    const publishing = Promise.all(
      Array.from({ length: 1500 }, async () => {
        await queue.addStandard(row("standard"));
        resolved += 1;
      }),
    );
    await turns();
    expect(resolved).toBe(1024);
    release();
    await publishing;
    expect(resolved).toBe(1500);
  });

  test("refuses what is published beyond the bound by those who do not wait", async ({ expect }) => {
    const { disk, queue, row } = setUp();
    const release = disk.hold();
    const results = Promise.allSettled(Array.from({ length: 9000 }, () => queue.addStandard(row("standard"))));
    release();
    const refused = (await results).filter((result) => result.status === "rejected");
    expect(refused).toHaveLength(9000 - 8192);
    expect(refused[0]?.reason).toMatchObject({ code: "ERR_OUTBOX_FULL" });
  });

  test("flush() commits what waits, and throws when it cannot", async ({ expect }) => {
    const { disk, queue, row } = setUp();
    await queue.flush();
    expect(disk.requests).toHaveLength(0);
    await queue.addStandard(row("standard"));
    await queue.flush();
    expect(disk.requests.map(sequences)).toEqual([[1]]);
    disk.failure = new PetioleError("ERR_STORE_FAILED", "no room");
    await queue.addStandard(row("standard"));
    await expect(queue.flush()).rejects.toMatchObject({ code: "ERR_STORE_FAILED" });
  });

  test("close() says how much it lost when the last commit fails", async ({ expect }) => {
    const { disk, queue, row } = setUp();
    disk.failure = new PetioleError("ERR_STORE_FAILED", "no room");
    await queue.addStandard(row("standard"));
    await expect(queue.close()).rejects.toThrow(/1 buffered messages are lost/);
  });

  test("close() commits what waits, and refuses what comes after", async ({ expect }) => {
    const { clock, disk, queue, row } = setUp();
    await queue.addStandard(row("standard"));
    await queue.close();
    expect(disk.requests.map(sequences)).toEqual([[1]]);
    await expect(queue.addStandard(row("standard"))).rejects.toMatchObject({ code: "ERR_STORE_FAILED" });
    clock.advance(10_000);
    await turns();
    expect(disk.requests).toHaveLength(1);
  });

  test("afterWrites() waits for writes to the same bucket only", async ({ expect }) => {
    const { clock, disk, queue, row } = setUp();
    await queue.addCritical(row("critical"));
    const write = queue.write({ kind: "delete", bucket: "b", key: "k" });
    await queue.afterWrites({ bucket: "other" });
    expect(disk.requests).toHaveLength(1);
    await queue.afterWrites({ bucket: "b" });
    expect(disk.requests).toHaveLength(2);
    await write;
    expect(clock.sleepers).toBeLessThan(3);
  });

  test("flush() ends although messages keep coming", async ({ expect }) => {
    const { disk, queue, row } = setUp();
    // One comes during each commit, as from a busy publisher on a slow disk.
    disk.onCommit = () => void queue.addStandard(row("standard"));
    await queue.addStandard(row("standard"));
    await queue.flush();
    expect(disk.requests.length).toBeLessThanOrEqual(2);
    expect(disk.requests.flatMap(sequences)).toContain(1);
  });

  test("keeps losses few in number, also when their kinds alternate", async ({ expect }) => {
    const { disk, queue } = setUp();
    for (let seq = 1; seq <= 2000; seq += 1) {
      const reason = seq % 2 === 0 ? "cap" : "expired";
      queue.lose({ lane: "ephemeral", from: seq, to: seq, count: 1, bytes: 10, reason });
    }
    await queue.flush();
    const losses = disk.requests.at(-1)?.losses ?? [];
    expect(losses.length).toBeLessThanOrEqual(257);
    expect(losses.reduce((sum, { count }) => sum + count, 0)).toBe(2000);
  });

  test("does not try a failing disk for each message that wants a sequence reserved", async ({ expect }) => {
    const { clock, disk, queue } = setUp();
    disk.failure = new PetioleError("ERR_STORE_FAILED", "no room");
    for (let n = 0; n < 20; n += 1) {
      queue.reserve();
      await turns();
    }
    expect(disk.requests).toHaveLength(1);
    disk.failure = undefined;
    clock.advance(5000);
    await turns();
    // Nothing else may come that would ask again.
    expect(disk.requests).toHaveLength(2);
    clock.advance(60_000);
    await turns();
    expect(disk.requests).toHaveLength(2);
  });
});
