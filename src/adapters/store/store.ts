import type { OutboxSource } from "../../host/ports.ts";
import type { KeyValueStore, Outbox } from "../../provider/services.ts";
import { readBootId, wallNow } from "./admission.ts";
import { CommitQueue } from "./commit-queue.ts";
import { commitPolicyOf, maxMessageOf, type StoreOptions } from "./options.ts";
import { createReaders } from "./readers.ts";
import { createSequencer } from "./sequencer.ts";
import { createSqliteKeyValue, createSqliteState, type StateStore } from "./sqlite-key-value.ts";
import { createSqliteOutbox } from "./sqlite-outbox.ts";
import { createVacuum } from "./vacuum.ts";
import { startWorker } from "./worker-client.ts";

/** What an agent keeps: outbox, key-value buckets and its own state. */
export interface Store extends AsyncDisposable {
  readonly outbox: Outbox & OutboxSource;
  readonly keyValue: KeyValueStore;
  readonly state: StateStore;
  /**
   * Commits what waits in memory. Disposing the store does so too.
   * @throws PetioleError ERR_STORE_FAILED
   */
  flush(): Promise<void>;
}

/**
 * Opens the store in a directory, or makes it; a damaged database is moved aside and replaced. SQLite runs in a worker
 * thread, because a flush on an SD card takes as long as a heartbeat may. The caller must dispose the store: what was
 * only "buffered" is committed then, and disposal rejects with ERR_STORE_FAILED when that failed.
 * @throws PetioleError ERR_STORE_LOCKED when another agent uses the directory, ERR_STORE_OPEN
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { dir, log, clock } = options;
  const cap = options.outbox.maxBytes;
  const client = await startWorker({ dir, bootId: readBootId(), wall: wallNow(clock), cap }, log);
  const sequencer = createSequencer(client.opened.lastSeq);
  const readers = createReaders(log);
  const step = (pages: number): Promise<boolean> => client.call<"vacuum">({ kind: "vacuum", pages });
  const vacuum = createVacuum({ clock, log, step });
  let { criticalBytes } = client.opened;
  const queue = new CommitQueue({
    commit: (request) => client.call<"commit">(request),
    clock,
    log,
    policy: commitPolicyOf(options.outbox),
    lastSeq: () => sequencer.last,
    onCommitted: (reply) => {
      criticalBytes = reply.criticalBytes;
      if (reply.unswept) queue.sweep();
      vacuum.observe(reply.spacious);
      readers.notify(reply.readable);
    },
  });
  const maxMessage = maxMessageOf(options.outbox);
  const outboxDeps = { client, queue, sequencer, readers, clock, cap, maxMessage, criticalBytes: () => criticalBytes };
  return {
    outbox: createSqliteOutbox(outboxDeps),
    keyValue: createSqliteKeyValue({ client, queue }),
    state: createSqliteState({ client, queue }),
    flush: () => queue.flush(),
    [Symbol.asyncDispose]: async () => {
      // In reverse order: no more vacuuming, then the last commit, then the thread ends whatever that brought.
      await using stack = new AsyncDisposableStack();
      stack.defer(() => client.close(sequencer.last));
      stack.defer(() => queue.close());
      stack.use(vacuum);
    },
  };
}
