import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore, type OutboxOptions, type Store } from "../../src/adapters/store/index.ts";
import type { CommitRequest, WorkerOptions } from "../../src/adapters/store/protocol.ts";
import { mebibytes } from "../../src/domain/units.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { createLogger } from "../../src/lib/json-log.ts";
import { silentLogger, type Logger } from "../../src/lib/log.ts";

export interface StoreFolder extends AsyncDisposable {
  readonly dir: string;
  open(outbox?: Partial<OutboxOptions>, log?: Logger): Promise<Store>;
}

/** An empty state directory, which is gone when the scope is left. */
export async function createStoreFolder(): Promise<StoreFolder> {
  const dir = await mkdtemp(join(tmpdir(), "petiole-store-"));
  return {
    dir,
    open: (outbox, log = silentLogger) =>
      openStore({ dir, log, clock: systemClock, outbox: { maxBytes: mebibytes(64), ...outbox } }),
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }),
  };
}

export const NOW = { wall: 1000, monotonic: 1000, synced: true };

/** For tests that run the worker's part of the store in their own thread. */
export function engineOptions(dir: string): WorkerOptions {
  const cap = mebibytes(64);
  return { dir, bootId: "boot", now: NOW, cap, laneCaps: { critical: cap, standard: cap } };
}

/** A request that commits nothing; for what a test adds. */
export const EMPTY_COMMIT: CommitRequest = {
  kind: "commit",
  now: NOW,
  rows: [],
  latest: [],
  latestDone: [],
  lastSeq: 0,
  acknowledged: {},
  offered: {},
  released: {},
  losses: [],
  reportSeq: undefined,
  writes: [],
  groups: [],
};

/** A log whose lines can be looked at. */
export function createLineLog(): { readonly log: Logger; readonly lines: Readonly<Record<string, unknown>>[] } {
  const lines: Readonly<Record<string, unknown>>[] = [];
  const log = createLogger("debug", {
    write: (line: string) => void lines.push(JSON.parse(line) as Readonly<Record<string, unknown>>),
  });
  return { log, lines };
}
