import { nuid, type Msg } from "@nats-io/transport-node";
import { PAGE, type Page } from "../backend.ts";
import type { JetStreamApi } from "./api.ts";
import { isMarker, type NatsBucket } from "./bucket.ts";
import { decodeKey } from "./keys.ts";

/** Messages of one request. */
const PULL = 256;
/** The server forgets a consumer that nobody pulls from. In nanoseconds. */
const FORGOTTEN_AFTER = 10_000_000_000;

interface Delivery {
  readonly sequence: number;
  /** Messages after it. */
  readonly pending: number;
}

/**
 * Keys below a prefix, in order of their last change, by a consumer of headers alone. A page begins at a sequence of the
 * stream: what changes while a listing goes on comes later, and again.
 */
export async function listKeys(
  { api, bucket }: { readonly api: JetStreamApi; readonly bucket: NatsBucket },
  prefix: string,
  after: number,
): Promise<Page> {
  // With one message for each key, the first of a page can be asked for; else those before it are passed over.
  const single = (await bucket.history()) === 1;
  const consumer = nuid.next();
  const filter = bucket.subjectOf(`${prefix}>`);
  const { num_pending: waiting } = await api.ask(`CONSUMER.CREATE.${bucket.stream}.${consumer}.${filter}`, {
    stream_name: bucket.stream,
    config: {
      name: consumer,
      filter_subject: filter,
      ...(single
        ? { deliver_policy: "by_start_sequence", opt_start_seq: after + 1 }
        : { deliver_policy: "last_per_subject" }),
      ack_policy: "none",
      replay_policy: "instant",
      headers_only: true,
      mem_storage: true,
      num_replicas: 1,
      inactive_threshold: FORGOTTEN_AFTER,
    },
  });
  try {
    return await readPage(typeof waiting === "number" ? waiting : 0);
  } finally {
    // The server forgets it by itself, too.
    void api.ask(`CONSUMER.DELETE.${bucket.stream}.${consumer}`, undefined).catch(() => {});
  }

  async function readPage(waitingAtFirst: number): Promise<Page> {
    const start = bucket.subjectOf(prefix).length;
    const keys: string[] = [];
    let pending = waitingAtFirst;
    while (pending > 0) {
      const batch = Math.min(PULL, pending);
      const next = `CONSUMER.MSG.NEXT.${bucket.stream}.${consumer}`;
      const messages = await api.pull(next, batch);
      pending = 0;
      for (const message of messages) {
        const delivery = deliveryOf(message);
        if (delivery === undefined) continue;
        pending = delivery.pending;
        if (delivery.sequence <= after) continue;
        const key = isDeleted(message) ? undefined : decodeKey(message.subject.slice(start));
        if (key !== undefined) keys.push(key);
        if (keys.length === PAGE) return { keys, next: pending > 0 ? String(delivery.sequence) : undefined };
      }
    }
    return { keys, next: undefined };
  }
}

function isDeleted({ headers }: Msg): boolean {
  if (headers === undefined) return false;
  return isMarker(
    headers
      .keys()
      .map((name) => `${name}: ${headers.get(name)}`)
      .join("\n"),
  );
}

/**
 * From `$JS.ACK.<stream>.<consumer>.<attempt>.<stream sequence>.<consumer sequence>.<time>.<pending>`, or its longer form
 * with domain and account before the stream.
 */
function deliveryOf({ reply }: Msg): Delivery | undefined {
  const tokens = reply?.split(".") ?? [];
  if (tokens[0] !== "$JS" || tokens[1] !== "ACK" || tokens.length < 9) return undefined;
  const [, sequence, , , pending] = tokens.slice(tokens.length === 9 ? 4 : 6);
  return { sequence: Number(sequence), pending: Number(pending) };
}
