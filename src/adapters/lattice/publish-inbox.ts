import { JetStreamApiError } from "@nats-io/jetstream";
import { errors, type Msg, type MsgHdrs, type NatsConnection } from "@nats-io/transport-node";
import { newInbox } from "./inbox.ts";
import { statusOf } from "./message-status.ts";

export interface PubAck {
  /** Sequence in the stream. */
  readonly seq: number;
  /** The stream held a message of this id already. */
  readonly duplicate: boolean;
}

/**
 * Publishes to JetStream and tells which answer belongs to which message, all over one subscription. The client's own
 * requests make an error, a timer and three promises for each message, which is most of what a message costs.
 */
export interface PublishInbox {
  /** `headers` in their wire form. Rejects as the client's publish does; an answer that never comes is given up late. */
  publish(subject: string, headers: string, body: Uint8Array): Promise<PubAck>;
}

/** Messages that may wait for an answer; beyond it the oldest are given up. Whoever waits has a limit of its own. */
const MOST_WAITING = 4096;

interface Waiting {
  readonly subject: string;
  readonly resolve: (ack: PubAck) => void;
  readonly reject: (error: Error) => void;
}

const inboxes = new WeakMap<NatsConnection, PublishInbox>();

/** One for each connection, however often the stream behind it is looked up: its subscription lasts as long. */
export function publishInboxOf(connection: NatsConnection): PublishInbox {
  const known = inboxes.get(connection);
  if (known !== undefined) return known;
  const opened = openPublishInbox(connection);
  inboxes.set(connection, opened);
  return opened;
}

function openPublishInbox(connection: NatsConnection): PublishInbox {
  const prefix = newInbox(connection);
  // In order of the tokens, which is the order of sending.
  const waiting = new Map<string, Waiting>();
  let next = 0;
  connection.subscribe(`${prefix}.*`, {
    callback: (error, message) => {
      if (error !== null) return;
      const token = message.subject.slice(prefix.length + 1);
      const entry = waiting.get(token);
      waiting.delete(token);
      if (entry !== undefined) settle(entry, message);
    },
  });
  void connection.closed().then(() => {
    for (const { reject } of waiting.values()) reject(new errors.ClosedConnectionError());
    waiting.clear();
  });
  return {
    publish: (subject, headers, body) =>
      new Promise((resolve, reject) => {
        next += 1;
        const token = next.toString(36);
        connection.publish(subject, body, { reply: `${prefix}.${token}`, headers: wireHeaders(headers) });
        waiting.set(token, { subject, resolve, reject });
        if (waiting.size <= MOST_WAITING) return;
        for (const [oldest, entry] of waiting) {
          waiting.delete(oldest);
          entry.reject(new errors.TimeoutError());
          return;
        }
      }),
  };
}

/** All that the client wants of headers when it sends them. */
function wireHeaders(lines: string): MsgHdrs {
  return { encode: () => Buffer.from(`NATS/1.0\r\n${lines}\r\n`) } as unknown as MsgHdrs;
}

function settle({ subject, resolve, reject }: Waiting, message: Msg): void {
  if (message.data.length === 0 && statusOf(message).status === 503) {
    reject(new errors.NoRespondersError(subject));
    return;
  }
  let answer: { readonly seq?: unknown; readonly duplicate?: unknown; readonly error?: unknown } | null;
  try {
    answer = message.json();
  } catch (cause) {
    reject(new Error("the hub's answer is no JSON", { cause }));
    return;
  }
  const { seq, duplicate, error } = answer ?? {};
  if (typeof error === "object" && error !== null) {
    reject(new JetStreamApiError(error as ConstructorParameters<typeof JetStreamApiError>[0]));
  } else if (typeof seq === "number" && seq > 0) {
    resolve({ seq, duplicate: duplicate === true });
  } else {
    reject(new Error("the hub's answer has no sequence"));
  }
}
