import type { JetStreamManager } from "@nats-io/jetstream";
import { headers, nuid, type Msg, type NatsConnection } from "@nats-io/transport-node";
import { PetioleError } from "../../../domain/errors.ts";
import { mebibytes, seconds, type Millis } from "../../../domain/units.ts";
import type { HubMonitor } from "../../../host/ports.ts";
import type { Clock } from "../../../lib/clock.ts";
import { createExclusive } from "../../../lib/exclusive.ts";
import type { Logger } from "../../../lib/log.ts";
import { askHub } from "../ask-hub.ts";
import type { LatticeConnection } from "../connection.ts";
import { parseDelivery } from "../delivery-info.ts";
import { untilAborted } from "../hub-stream.ts";
import { nanoseconds, openJetStream, STREAM_NOT_FOUND, unlessMissing } from "../jetstream.ts";
import { FORGOTTEN_AFTER, pull, PULL_EXPIRES } from "../pull.ts";
import { keepSession } from "../session.ts";
import { bucketStream, bucketSubject, nextMessages } from "../subjects.ts";
import { createMirror } from "./mirror.ts";

export interface SharedBucketOptions {
  readonly bucket: string;
  /** JetStream domain of the hub. */
  readonly domain: string | undefined;
  readonly connection: LatticeConnection;
  readonly monitor?: Pick<HubMonitor, "onChange"> | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  /** What an earlier one gave as `stored`. */
  readonly stored: string | undefined;
  /** Some value is another one, or there is something new to store. */
  readonly onChange: () => void;
}

/**
 * A key-value bucket that the hosts of a lattice share, and the device's own copy of it. Without the hub it is the copy
 * that is read and changed. Back at the hub, what was changed there wins over what was changed here.
 */
export interface SharedBucket extends AsyncDisposable {
  get(key: string): string | undefined;
  entries(): [string, string][];
  /**
   * Gives the key the value that `decide` makes of the one it has, undefined deletes it. Called again when another host
   * was faster. Resolves once the hub has it, or the device's copy when the hub cannot be asked.
   * @throws what `decide` throws; PetioleError ERR_LATTICE_BUCKET when there is no room for it
   */
  change(key: string, decide: (value: string | undefined) => string | undefined): Promise<void>;
  /** Resolves when the bucket has been read, or could not be. */
  ready(): Promise<void>;
  state(): "connecting" | "following";
  lastError(): { readonly code: string; readonly message: string } | undefined;
  stored(): string;
}

const WRONG_LAST_SEQUENCE = 10071;
const BATCH = 256;
const REQUEST_TIMEOUT = seconds(5);
/** Whoever sent the command waits for two seconds. */
const WRITE_TIMEOUT = seconds(1);
const MOST_TRIES = 8;
const LARGEST = 512 * 1024;
const LIMITS = { keys: 10_000, size: mebibytes(4) };

export function shareBucket(options: SharedBucketOptions): SharedBucket {
  const { bucket, domain, clock, log } = options;
  const stream = bucketStream(bucket);
  const subjectOf = (key: string): string => bucketSubject(bucket, key);
  const question = { what: `use the bucket "${bucket}"`, domain, code: "ERR_LATTICE_BUCKET" } as const;
  const mirror = createMirror(options.stored, LIMITS);
  const writing = createExclusive();
  const ready = Promise.withResolvers<void>();
  let manager: JetStreamManager | undefined;
  let hub: NatsConnection | undefined;

  async function openStream(api: JetStreamManager): Promise<string> {
    const found = await unlessMissing(STREAM_NOT_FOUND, () => api.streams.info(stream));
    if (found !== undefined) return found.created;
    // As every client makes a bucket.
    const made = await api.streams.add({
      name: stream,
      subjects: [subjectOf(">")],
      max_msgs_per_subject: 1,
      storage: "file",
      num_replicas: 1,
      discard: "new",
      allow_rollup_hdrs: true,
      deny_delete: true,
      allow_direct: true,
    });
    log.info("Created the lattice's bucket", { bucket });
    return made.created;
  }

  async function run(live: NatsConnection, signal: AbortSignal, onProgress: () => void): Promise<void> {
    const ask = async <T>(request: () => Promise<T>): Promise<T> =>
      await untilAborted(askHub(question, request), signal);
    const api = await ask(() => openJetStream(live, { domain, timeout: REQUEST_TIMEOUT }));
    const made = await ask(() => openStream(api));
    const consumer = await ask(() =>
      api.consumers.add(stream, {
        name: nuid.next(),
        filter_subject: subjectOf(">"),
        deliver_policy: "last_per_subject",
        ack_policy: "none",
        mem_storage: true,
        inactive_threshold: nanoseconds(FORGOTTEN_AFTER),
      }),
    );
    try {
      await follow(api, live, { name: consumer.name, made, waiting: consumer.num_pending }, signal, onProgress);
    } finally {
      await api.consumers.delete(stream, consumer.name).catch(() => {
        // The hub forgets it by itself.
      });
    }
  }

  interface Reading {
    readonly name: string;
    readonly made: string;
    /** How many values the bucket has now. */
    readonly waiting: number;
  }

  async function follow(
    api: JetStreamManager,
    live: NatsConnection,
    { name, made, waiting }: Reading,
    signal: AbortSignal,
    onProgress: () => void,
  ): Promise<void> {
    const keys = new Set<string>();
    let left = waiting;
    mirror.beginReading(made);

    async function finishReading(): Promise<void> {
      const changed = mirror.endReading(keys);
      manager = api;
      hub = live;
      await pushPending();
      ready.resolve();
      onProgress();
      if (changed) options.onChange();
    }

    const request = { subject: nextMessages(domain, stream, name), expires: PULL_EXPIRES };
    if (left === 0) await finishReading();
    for (;;) {
      // What is there now comes at once; asking for no more than that tells when it has been read.
      const batch = left > 0 ? Math.min(left, BATCH) : BATCH;
      await pull(live, { ...request, batch }, signal, async (message) => {
        const value = valueOf(message);
        if (value === undefined) return;
        keys.add(value.key);
        if (mirror.take(value)) options.onChange();
        if (left > 0 && --left === 0) await finishReading();
      });
      onProgress();
    }
  }

  function valueOf({ subject, reply, data, headers }: Msg) {
    const delivery = parseDelivery(reply);
    const prefix = subjectOf("");
    if (delivery === undefined || !subject.startsWith(prefix)) return undefined;
    const operation = headers?.get("KV-Operation") ?? "";
    const gone = operation === "DEL" || operation === "PURGE" || (headers?.get("Nats-Marker-Reason") ?? "") !== "";
    return {
      key: subject.slice(prefix.length),
      revision: delivery.streamSeq,
      value: gone ? undefined : new TextDecoder().decode(data),
    };
  }

  /** What was changed here while the hub was away, where nothing was changed there. */
  async function pushPending(): Promise<void> {
    for (const { key, value, revision } of mirror.pending()) {
      const result = await publish(key, value, revision);
      if (typeof result === "number") mirror.take({ key, value, revision: result });
      else if (result === "changed") await takeFromHub(key);
      options.onChange();
    }
  }

  /** The revision that the hub gave it; `changed` when the key has another revision there. */
  async function publish(
    key: string,
    value: string | undefined,
    revision: number,
  ): Promise<number | "changed" | "unreachable"> {
    if (hub === undefined) return "unreachable";
    const lines = headers();
    lines.set("Nats-Expected-Last-Subject-Sequence", String(revision));
    if (value === undefined) {
      lines.set("KV-Operation", "PURGE");
      lines.set("Nats-Rollup", "sub");
    }
    const subject = domain === undefined ? subjectOf(key) : `$JS.${domain}.API.${subjectOf(key)}`;
    try {
      const message = await hub.request(subject, value ?? "", { timeout: WRITE_TIMEOUT, headers: lines });
      const ack: { readonly seq?: number; readonly error?: { readonly err_code?: number } } = message.json();
      if (ack.error?.err_code === WRONG_LAST_SEQUENCE) return "changed";
      return ack.error === undefined && typeof ack.seq === "number" ? ack.seq : "unreachable";
    } catch {
      // Whether it arrived is not known. If it did, the bucket will tell.
      return "unreachable";
    }
  }

  async function takeFromHub(key: string): Promise<void> {
    const message = await manager?.streams.getMessage(stream, { last_by_subj: subjectOf(key) }).catch(() => undefined);
    if (message === undefined) return;
    if (message === null) {
      if (mirror.takeAbsence(key)) options.onChange();
      return;
    }
    const gone = message.header.get("KV-Operation") !== "" || message.header.get("Nats-Marker-Reason") !== "";
    const value = gone ? undefined : new TextDecoder().decode(message.data);
    if (mirror.take({ key, revision: message.seq, value })) options.onChange();
  }

  const session = keepSession({
    what: `Sharing the bucket "${bucket}"`,
    connection: options.connection,
    monitor: options.monitor,
    clock,
    log,
    run: async (live, signal, onProgress) => {
      try {
        await run(live, signal, onProgress);
      } finally {
        [hub, manager] = [undefined, undefined];
        ready.resolve();
      }
    },
  });

  return {
    get: (key) => mirror.get(key),
    entries: () => mirror.entries(),

    change: (key, decide) =>
      writing.run(async () => {
        for (let tries = 0; tries < MOST_TRIES; tries++) {
          const value = decide(mirror.get(key));
          checkSize(key, value);
          const result = await publish(key, value, mirror.revision(key));
          if (typeof result === "number") {
            mirror.take({ key, value, revision: result });
            options.onChange();
            return;
          }
          if (result === "unreachable") break;
          await takeFromHub(key);
        }
        const value = decide(mirror.get(key));
        checkSize(key, value);
        if (!mirror.changeHere(key, value)) {
          throw new PetioleError("ERR_LATTICE_BUCKET", `Cannot keep "${key}": the copy of "${bucket}" is full`);
        }
        options.onChange();
      }),

    ready: () => ready.promise,
    state: () => (hub === undefined ? "connecting" : "following"),
    lastError: () => session.lastError(),
    stored: () => mirror.stored(),
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  };
}

/** What a server with usual limits would refuse would wait here for ever. */
function checkSize(key: string, value: string | undefined): void {
  if (value === undefined || value.length <= LARGEST) return;
  throw new PetioleError("ERR_LATTICE_BUCKET", `Cannot keep "${key}": ${value.length} bytes, want at most ${LARGEST}`);
}

/** Resolves after `limit` at the latest. */
export async function readyWithin(buckets: readonly SharedBucket[], limit: Millis, clock: Clock): Promise<void> {
  await Promise.race([Promise.all(buckets.map((bucket) => bucket.ready())), clock.sleep(limit)]);
}
