import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore, type OutboxOptions, type Store } from "../../src/adapters/store/index.ts";
import type { Lane, OutboxMessage, StoredLane } from "../../src/domain/outbox.ts";
import { mebibytes } from "../../src/domain/units.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLogger } from "../../src/lib/log.ts";

export const PAYLOAD = 200;
/** What a forwarder has in flight. */
export const WINDOW = { rows: 256, bytes: mebibytes(1) };
export const CAP = mebibytes(64);

export function messageOf(lane: Lane, size = PAYLOAD): OutboxMessage {
  return { lane, subject: "readings.boiler", body: new Uint8Array(size).fill(120), headers: {} };
}

export function openAt(dir: string, outbox: Partial<OutboxOptions> = {}): Promise<Store> {
  return openStore({ dir, log: silentLogger, clock: systemClock, outbox: { maxBytes: CAP, ...outbox } });
}

export async function publishInTurn(
  store: Store,
  messages: number,
  lane: Lane,
  { flushEvery = Infinity, size = PAYLOAD }: { readonly flushEvery?: number; readonly size?: number } = {},
): Promise<void> {
  for (let n = 1; n <= messages; n += 1) {
    await store.outbox.publish(messageOf(lane, size));
    if (n % flushEvery === 0) await store.flush();
  }
}

/** Reads and acknowledges everything, as a forwarder does whose hub answers at once. */
export async function readAll(store: Store, lane: StoredLane): Promise<number> {
  let rows = 0;
  for (let { seq: after } = await store.outbox.acknowledged(lane); ;) {
    const window = await store.outbox.read(lane, after, WINDOW);
    const last = window.at(-1);
    if (last === undefined) return rows;
    rows += window.length;
    after = last.seq;
    await store.outbox.acknowledge(lane, after);
  }
}

/** What this process has caused to be sent to block devices; 0 where the kernel does not count, as on tmpfs. */
export async function bytesWritten(): Promise<number> {
  const counters = await readFile("/proc/self/io", "utf8");
  return Number(/^write_bytes: (\d+)$/m.exec(counters)?.[1] ?? 0);
}

export async function inFolder<T>(work: (dir: string) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), "petiole-bench-"));
  try {
    return await work(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
