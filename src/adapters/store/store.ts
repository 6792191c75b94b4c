import { isPetioleError } from "../../domain/errors.ts";
import { LANES, type Lane, type StoreHealth } from "../../domain/outbox.ts";
import { bytes, mebibytes, millis } from "../../domain/units.ts";
import type { KeyValueStore } from "../../provider/services.ts";
import { readBootId } from "./admission.ts";
import { CommitQueue } from "./commit-queue.ts";
import { createHeldRows } from "./held-rows.ts";
import { createMemoryLane, type MemoryLane } from "./memory-lane.ts";
import { commitPolicyOf, hubHoldOf, lanePoliciesOf, maxMessageOf, MEMORY_CAP, type StoreOptions } from "./options.ts";
import { createQuota } from "./quota.ts";
import { createReaders } from "./readers.ts";
import { createReleaseSchedule } from "./release-schedule.ts";
import { bootOffset, type Now } from "./row-age.ts";
import { createSequencer } from "./sequencer.ts";
import { createSqliteKeyValue, createSqliteState, type StateStore } from "./sqlite-key-value.ts";
import { createSqliteOutbox, type SqliteOutbox } from "./sqlite-outbox.ts";
import { createStoredCopy } from "./stored-copy.ts";
import { createVacuum } from "./vacuum.ts";
import { isUnwritable, startWorker, type WorkerClient } from "./worker-client.ts";

/** What an agent keeps: outbox, key-value buckets and its own state. */
export interface Store extends AsyncDisposable {
  readonly outbox: SqliteOutbox;
  readonly keyValue: KeyValueStore;
  readonly state: StateStore;
  /**
   * Commits what waits in memory. Disposing the store does so too.
   * @throws PetioleError ERR_STORE_FAILED
   */
  flush(): Promise<void>;
  /** Gives back memory that the store's thread does not need. */
  releaseMemory(): Promise<void>;
  /** What the store's thread has carried out so far, for whoever watches that it does not hang. */
  answered(): number;
  /** Resolves when the thread has got to it, behind all that was asked before, or rejects when it has ended. */
  probe(): Promise<void>;
}

/** What rows that were never written may take of memory until they are released. */
const HELD_BYTES = mebibytes(1);

/**
 * Opens the store in a directory, or makes it; a damaged database is moved aside and replaced. Where the medium cannot
 * be written, the store works in memory and its health says so. SQLite runs in a worker thread, because a flush on an
 * SD card takes as long as a heartbeat may. The caller must dispose the store: what was only "buffered" is committed
 * then, and disposal rejects with ERR_STORE_FAILED when that failed.
 * @throws PetioleError ERR_STORE_LOCKED when another agent uses the directory, ERR_STORE_OPEN
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { log, clock } = options;
  const read = (): Now => {
    const trust = options.clockTrust?.() ?? "synced";
    const [wall, monotonic] = [Math.floor(clock.wall()), Math.floor(clock.boottime())];
    return { wall, monotonic, synced: trust === "synced", wrong: trust === "wrong" };
  };
  const bootId = options.bootId ?? readBootId();
  const { client, mode } = await start(options, { now: read(), bootId });
  let { bootOffset: offset } = client.opened;
  const now = (): Now => {
    const found = read();
    offset = bootOffset(offset, found);
    return found;
  };
  const isFallback = mode.mode === "memory" && options.dir !== undefined;
  const cap = isFallback ? bytes(Math.min(MEMORY_CAP, options.outbox.maxBytes)) : options.outbox.maxBytes;
  const policies = lanePoliciesOf({ ...options.outbox, maxBytes: cap });
  const hold = hubHoldOf(options.outbox);
  const stored = createStoredCopy(client.opened);
  const sequencer = createSequencer(client.opened.lastSeq);
  const readers = createReaders(log);
  const schedule = createReleaseSchedule(hold);
  const held = createHeldRows({ hold, maxBytes: HELD_BYTES, gone: client.opened.lastSeq });
  const offered: Record<Lane, number> = { critical: 0, standard: 0, latest: 0, ephemeral: 0 };
  const vacuum = createVacuum({ clock, log, step: (pages) => client.call<"vacuum">({ kind: "vacuum", pages }) });
  const stop = new AbortController();
  const watermark = createWatermark(options, cap);

  const queue = new CommitQueue({
    commit: (request) => client.call<"commit">(request),
    clock,
    log,
    policy: commitPolicyOf(policies),
    now,
    nextSeq: () => sequencer.next(),
    lastSeq: () => sequencer.last,
    stored: () => stored.current,
    offered: () => offered,
    released: () => schedule.released(clock.monotonic()),
    storedLatest: client.opened.latest.map(({ row }) => row.subject),
    onElided: (rows) => {
      held.add(rows, clock.monotonic());
      quota.recount(stored.current, queue.unwritten());
    },
    onCommitted: (reply) => {
      const { floor } = stored.current;
      stored.update(reply);
      quota.recount(reply, queue.unwritten());
      vacuum.observe(reply.spacious);
      watermark(reply.lanes.critical.bytes + reply.lanes.standard.bytes);
      // Rows in memory whose sequences are reserved now can be read as well.
      readers.notify(reply.floor > floor ? LANES : reply.readable);
    },
  });

  const memoryLane = (lane: "latest" | "ephemeral"): MemoryLane =>
    createMemoryLane({
      lane,
      onePerSubject: lane === "latest",
      maxBytes: policies[lane].maxBytes,
      bootId,
      bootOffset: () => offset,
      onLoss: (loss) => queue.lose(loss),
      onGone: ({ subject, seq }) => lane === "latest" && queue.dropLatest(subject, seq),
    });
  const [latest, ephemeral] = [memoryLane("latest"), memoryLane("ephemeral")];
  const quota = createQuota(
    { each: options.outbox.quota, of: options.outbox.quotas ?? {} },
    (owner) => latest.bytesOf(owner) + ephemeral.bytesOf(owner),
  );
  quota.recount(client.opened, []);
  latest.load(client.opened.latest.filter(({ row }) => row.seq > client.opened.delivered.latest.seq));
  // What the hub had acknowledged when the process ended may have been acknowledged just then.
  for (const lane of LANES) schedule.acknowledge(lane, client.opened.delivered[lane].seq, clock.monotonic());
  void releaseHeld();

  /** Segments whose rows were held long enough go with a commit; an idle device makes none by itself. */
  async function releaseHeld(): Promise<void> {
    const step = millis(Math.max(1000, hold / 10));
    for (;;) {
      await clock.sleep(step, stop.signal).catch(() => {});
      if (stop.signal.aborted) return;
      const released = schedule.released(clock.monotonic());
      const isDue = Object.entries(stored.current.lanes).some(
        ([lane, { nextRelease }]) => nextRelease > 0 && nextRelease <= (released[lane as Lane] ?? 0),
      );
      if (isDue) queue.sweep();
    }
  }

  const outbox = createSqliteOutbox({
    client,
    queue,
    sequencer,
    readers,
    clock,
    now,
    bootId,
    bootOffset: () => offset,
    cap,
    maxMessage: maxMessageOf(options.outbox),
    policies,
    stored,
    latest,
    ephemeral,
    held,
    schedule,
    quota,
    offered,
    mode,
  });
  return {
    outbox,
    keyValue: createSqliteKeyValue({ client, queue }),
    state: createSqliteState({ client, queue }),
    flush: () => queue.flush(),
    releaseMemory: async () => await client.call({ kind: "release-memory" }),
    answered: () => client.answered(),
    probe: async () => {
      await client.call<"get-state">({ kind: "get-state", name: "" });
    },
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      // In reverse order: no more vacuuming, then the last commit, then the thread ends whatever that brought.
      await using stack = new AsyncDisposableStack();
      stack.defer(() => client.close(sequencer.last));
      stack.defer(() => queue.close());
      stack.use(vacuum);
    },
  };
}

type Mode = Pick<StoreHealth, "mode" | "reason">;

async function start(
  { dir, log, outbox, warm }: StoreOptions,
  { now, bootId }: { readonly now: Now; readonly bootId: string },
): Promise<{ readonly client: WorkerClient; readonly mode: Mode }> {
  const laneCapsOf = (maxBytes: typeof outbox.maxBytes): { critical: number; standard: number } => {
    const { critical, standard } = lanePoliciesOf({ ...outbox, maxBytes });
    return { critical: critical.maxBytes, standard: standard.maxBytes };
  };
  const common = { bootId, now };
  if (dir === undefined) {
    const client = await startWorker(
      { ...common, dir, cap: outbox.maxBytes, laneCaps: laneCapsOf(outbox.maxBytes) },
      log,
      { warm },
    );
    return { client, mode: { mode: "memory", reason: "no directory was given" } };
  }
  try {
    const cap = outbox.maxBytes;
    const client = await startWorker({ ...common, dir, cap, laneCaps: laneCapsOf(cap) }, log, { warm });
    return { client, mode: { mode: "disk", reason: undefined } };
  } catch (error) {
    if (!isUnwritable(error) || !isPetioleError(error)) throw error;
    log.error("The store cannot be written: working in memory, nothing survives the end of the process", {
      err: error,
      dir,
    });
    const cap = Math.min(MEMORY_CAP, outbox.maxBytes);
    const client = await startWorker({ ...common, dir: undefined, cap, laneCaps: laneCapsOf(bytes(cap)) }, log);
    return { client, mode: { mode: "memory", reason: error.message } };
  }
}

/** Share of the cap above which a person should know, and the one below which it is over. */
const WARN_ABOVE = 0.7;
const CALM_BELOW = 0.6;

function createWatermark({ log }: Pick<StoreOptions, "log">, cap: number): (used: number) => void {
  let warned = false;
  return (used) => {
    if (!warned && used > cap * WARN_ABOVE) {
      warned = true;
      log.warn("The outbox is filling up", { used, cap });
    } else if (warned && used < cap * CALM_BELOW) {
      warned = false;
      log.info("The outbox has room again", { used, cap });
    }
  };
}
