import type { JetStreamManager, StoredMsg, StreamInfo } from "@nats-io/jetstream";
import { nuid, type NatsConnection } from "@nats-io/transport-node";
import { PetioleError } from "../../domain/errors.ts";
import { seconds, type Millis } from "../../domain/units.ts";
import type { HubMonitor } from "../../host/ports.ts";
import type { BackoffOptions } from "../../lib/backoff.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import { askHub } from "./ask-hub.ts";
import type { LatticeConnection } from "./connection.ts";
import { untilAborted } from "./hub-stream.ts";
import { nanoseconds, openJetStream, STREAM_NOT_FOUND, unlessMissing } from "./jetstream.ts";
import { FORGOTTEN_AFTER, pull, PULL_EXPIRES } from "./pull.ts";
import { keepSession } from "./session.ts";
import { bucketStream, bucketSubject, nextMessages } from "./subjects.ts";

/** Bucket of the hub in which each device has a document, by its name. */
export const DESIRED_BUCKET = "petiole-desired";

/** What the bucket says of a device's key. */
export interface BucketEntry {
  /** When the bucket was made: another one counts its revisions anew. */
  readonly bucket: string;
  /** Undefined when the key is not there and nothing tells since when. */
  readonly revision: number | undefined;
  /** Undefined when the key is not there. */
  readonly value: Uint8Array | undefined;
}

export interface WatchBucketOptions {
  readonly bucket: string;
  readonly key: string;
  /** JetStream domain of the hub. */
  readonly domain: string | undefined;
  readonly connection: LatticeConnection;
  readonly monitor?: Pick<HubMonitor, "onChange"> | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  readonly expires?: Millis;
  readonly requestTimeout?: Millis;
  readonly backoff?: BackoffOptions;
  /** Told what is there whenever the hub is reached, and then each change; one call at a time. */
  readonly onEntry: (entry: BucketEntry) => Promise<void>;
}

/** Follows one key of a key-value bucket at the hub, over outages. */
export interface BucketWatch extends AsyncDisposable {
  watching(): boolean;
  lastError(): { readonly code: string; readonly message: string } | undefined;
}

export function watchBucket(options: WatchBucketOptions): BucketWatch {
  const { bucket, key, domain, clock, log } = options;
  const requestTimeout = options.requestTimeout ?? seconds(5);
  const expires = options.expires ?? PULL_EXPIRES;
  const stream = bucketStream(bucket);
  const subject = bucketSubject(bucket, key);
  const question = { what: `read the bucket "${bucket}"`, domain, code: "ERR_LATTICE_BUCKET" } as const;
  let watching = false;

  async function describe(manager: JetStreamManager): Promise<StreamInfo> {
    const info = await unlessMissing(STREAM_NOT_FOUND, () => manager.streams.info(stream));
    if (info !== undefined) return info;
    throw new PetioleError("ERR_LATTICE_BUCKET", `Cannot read the bucket "${bucket}": the hub has none`);
  }

  /**
   * What is there, and a consumer of what comes after it. Both are of one bucket: in one that is made again between
   * the two, an old revision would pass for deleted, and the consumer would wait behind the new ones.
   */
  async function look(manager: JetStreamManager): Promise<{ readonly entry: BucketEntry; readonly consumer: string }> {
    const before = await describe(manager);
    const { name } = await manager.consumers.add(stream, {
      name: nuid.next(),
      filter_subject: subject,
      deliver_policy: "by_start_sequence",
      opt_start_seq: before.state.last_seq + 1,
      ack_policy: "none",
      mem_storage: true,
      inactive_threshold: nanoseconds(FORGOTTEN_AFTER),
    });
    // Asked of the stream's leader: a replica may lag behind.
    const message = await manager.streams.getMessage(stream, { last_by_subj: subject });
    const { created } = await describe(manager);
    if (created !== before.created) {
      throw new PetioleError("ERR_LATTICE_BUCKET", `Cannot read the bucket "${bucket}": it was made again meanwhile`);
    }
    return { entry: entryOf(created, message), consumer: name };
  }

  async function run(live: NatsConnection, signal: AbortSignal, onProgress: () => void): Promise<void> {
    const ask = async <T>(request: () => Promise<T>): Promise<T> =>
      await untilAborted(askHub(question, request), signal);
    const manager = await ask(() => openJetStream(live, { domain, timeout: requestTimeout }));
    for (;;) {
      const { entry, consumer } = await ask(() => look(manager));
      watching = true;
      onProgress();
      await options.onEntry(entry);
      // A change is only the sign to look again: what counts is what is there then.
      const request = { subject: nextMessages(domain, stream, consumer), batch: 1, expires };
      while ((await pull(live, request, signal, async () => {})) === 0) onProgress();
      await manager.consumers.delete(stream, consumer).catch(() => {
        // The hub forgets it by itself.
      });
    }
  }

  const session = keepSession({
    what: "Watching the desired state",
    connection: options.connection,
    monitor: options.monitor,
    clock,
    log,
    backoff: options.backoff,
    run: async (live, signal, onProgress) => {
      try {
        await run(live, signal, onProgress);
      } finally {
        watching = false;
      }
    },
  });
  return {
    watching: () => watching,
    lastError: () => session.lastError(),
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  };
}

function entryOf(bucket: string, message: StoredMsg | null): BucketEntry {
  if (message === null) return { bucket, revision: undefined, value: undefined };
  const { seq, header, data } = message;
  // A marker stands in the place of a value that was deleted, by a client or by the bucket's own limits.
  const operation = header.get("KV-Operation");
  const gone = operation === "DEL" || operation === "PURGE" || header.get("Nats-Marker-Reason") !== "";
  return { bucket, revision: seq, value: gone ? undefined : data };
}
