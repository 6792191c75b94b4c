import { headers, type MsgHdrs } from "@nats-io/transport-node";
import { backoffDelay, millis, type Clock, type Millis } from "#provider";
import { BackendError } from "../backend.ts";
import type { NatsConfig } from "../config.ts";
import { isMissing, isNoMessage, isStreamExisting, isUnheard, recordOf, type Body, type JetStreamApi } from "./api.ts";

/** What a subject had last. */
export interface Last {
  /** Undefined when it was deleted, or nothing is there. */
  readonly value: Uint8Array | undefined;
  /** 0 when nothing is there. */
  readonly revision: number;
}

/** A key-value bucket of NATS, which is a stream. Keys are encoded already. */
export interface NatsBucket {
  readonly stream: string;
  subjectOf(key: string): string;
  /** Messages of each subject that are kept. @throws BackendError `missing` */
  history(): Promise<number>;
  last(key: string): Promise<Last>;
  /** @throws BackendError, also when `revision` is given and is not the last one */
  put(key: string, value: Uint8Array, revision?: number): Promise<void>;
  remove(key: string): Promise<void>;
}

/** A subject goes into protocol lines of 4096 bytes, together with others. */
const MAX_SUBJECT = 3500;

/** Of what nobody listened to, though the bucket is there. */
const TRIES = 6;
const PAUSE = { initial: millis(10), max: millis(200) };

const nanoseconds = (time: Millis): number => time * 1_000_000;

export interface NatsBucketDeps {
  readonly api: JetStreamApi;
  readonly name: string;
  readonly create: NatsConfig["create"];
  readonly clock: Clock;
}

export function openNatsBucket({ api, name, create, clock }: NatsBucketDeps): NatsBucket {
  const stream = `KV_${name}`;

  const subjectOf = (key: string): string => {
    const subject = `$KV.${name}.${key}`;
    if (subject.length > MAX_SUBJECT) throw new BackendError("refused", "the key is too long for NATS");
    return subject;
  };

  async function make(options: NonNullable<NatsConfig["create"]>): Promise<void> {
    try {
      await api.ask(`STREAM.CREATE.${stream}`, {
        name: stream,
        subjects: [`$KV.${name}.>`],
        max_msgs_per_subject: options.history,
        num_replicas: options.replicas,
        storage: options.storage,
        max_bytes: options.max_bytes ?? -1,
        max_age: options.max_age === undefined ? 0 : nanoseconds(options.max_age),
        retention: "limits",
        discard: "new",
        max_msgs: -1,
        max_msg_size: -1,
        max_consumers: -1,
        allow_rollup_hdrs: true,
        deny_delete: true,
        allow_direct: true,
      });
    } catch (error) {
      // Somebody else was faster.
      if (!isStreamExisting(error)) throw error;
    }
  }

  /** Makes the bucket when that is what is missing, and may be done. */
  async function whenThere<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (isUnheard(error)) await haveThere(error);
      else if (isMissing(error) && create !== undefined) await make(create);
      else throw error;
    }
    for (let tries = 0; ; tries += 1) {
      try {
        return await work();
      } catch (error) {
        // Between a device and its hub, it takes a moment until the one knows what the other listens to.
        if (!isUnheard(error) || tries === TRIES) throw error;
        await clock.sleep(backoffDelay(tries, PAUSE));
      }
    }
  }

  /** Nobody listens to the keys of a bucket that is not there, nor to those of a hub that is away. */
  async function haveThere(unheard: unknown): Promise<void> {
    try {
      await api.ask(`STREAM.INFO.${stream}`, undefined);
    } catch (reason) {
      if (isUnheard(reason)) throw unheard;
      if (!isMissing(reason) || create === undefined) throw reason;
      await make(create);
    }
  }

  return {
    stream,
    subjectOf,
    history: async () =>
      await whenThere(async () => {
        const { config } = await api.ask(`STREAM.INFO.${stream}`, undefined);
        const { max_msgs_per_subject: history } = recordOf(config);
        return typeof history === "number" ? history : 0;
      }),
    last: async (key) =>
      await whenThere(async () => {
        try {
          // Asked of the stream's leader: a replica may not have yet what was set a moment ago.
          const question = { last_by_subj: subjectOf(key) };
          return lastOf(recordOf((await api.ask(`STREAM.MSG.GET.${stream}`, question))["message"]));
        } catch (error) {
          if (isNoMessage(error)) return NOTHING;
          throw error;
        }
      }),
    put: async (key, value, revision) =>
      await whenThere(async () => await api.publish(subjectOf(key), value, expecting(revision))),
    remove: async (key) =>
      await whenThere(async () => {
        const marker = headers();
        marker.set(OPERATION, "DEL");
        await api.publish(subjectOf(key), new Uint8Array(), marker);
      }),
  };
}

const OPERATION = "KV-Operation";
const NOTHING: Last = { value: undefined, revision: 0 };

function expecting(revision: number | undefined): MsgHdrs | undefined {
  if (revision === undefined) return undefined;
  const expected = headers();
  expected.set("Nats-Expected-Last-Subject-Sequence", String(revision));
  return expected;
}

function lastOf({ seq, hdrs, data }: Body): Last {
  if (typeof seq !== "number")
    throw new BackendError("unavailable", "the server answers something else than it was asked for");
  const text = typeof hdrs === "string" ? Buffer.from(hdrs, "base64").toString("latin1") : "";
  if (isMarker(text)) return { value: undefined, revision: seq };
  return { value: new Uint8Array(Buffer.from(typeof data === "string" ? data : "", "base64")), revision: seq };
}

/** A message that stands for a value that was deleted, by a client or by the bucket's own limits. */
export function isMarker(lines: string): boolean {
  return /^(KV-Operation: *(DEL|PURGE)|Nats-Marker-Reason:.*)\r?$/m.test(lines);
}
