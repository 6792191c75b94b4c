import { type Msg, type NatsConnection } from "@nats-io/transport-node";
import { PetioleError } from "../../domain/errors.ts";
import { millis, seconds, type Millis } from "../../domain/units.ts";
import { newInbox } from "./inbox.ts";
import { nanoseconds } from "./jetstream.ts";
import { statusOf } from "./message-status.ts";

export interface PullRequest {
  /** Of the consumer, as `nextMessages` gives it. */
  readonly subject: string;
  readonly batch: number;
  /** How long the hub holds the request when there is nothing to send. */
  readonly expires: Millis;
}

/** What the hub's own end of a request may be late. */
const GRACE = seconds(5);

/**
 * Asks a pull consumer for its next messages and passes them on, one after another. Resolves with how many came, when
 * that is what was asked for or the request ran out. Written without the client's consumers, which take a local server's health for the
 * hub's and keep requests over a link that is down.
 * @throws PetioleError ERR_LATTICE_INBOX when the hub ends the request, ERR_LATTICE_UNREACHABLE when the connection
 *   does; the signal's reason; what `onMessage` throws
 */
export async function pull(
  connection: NatsConnection,
  { subject, batch, expires }: PullRequest,
  signal: AbortSignal,
  onMessage: (message: Msg) => Promise<void>,
): Promise<number> {
  signal.throwIfAborted();
  let count = 0;
  const inbox = newInbox(connection);
  const subscription = connection.subscribe(inbox);
  const end = (): void => {
    if (!subscription.isClosed() && !connection.isClosed()) subscription.unsubscribe();
  };
  const timer = setTimeout(end, expires + GRACE);
  signal.addEventListener("abort", end, { once: true });
  try {
    const request = { batch, expires: nanoseconds(expires) };
    connection.publish(subject, JSON.stringify(request), { reply: inbox });
    for await (const message of subscription) {
      const { status, description } = statusOf(message);
      if (message.data.length > 0 || status === 0) {
        await onMessage(message);
        if (++count === batch) return count;
      } else if (isRunOut(status, description)) {
        return count;
      } else if (status !== HEARTBEAT) {
        throw ended(subject, status, description);
      }
    }
    signal.throwIfAborted();
    if (connection.isClosed()) {
      throw new PetioleError("ERR_LATTICE_UNREACHABLE", "Cannot fetch messages: the connection was closed");
    }
    // A hub that has the consumer says when a request has run out. One that lost it in a restart says nothing.
    const found = `no word from the hub in ${expires + GRACE} ms`;
    throw new PetioleError("ERR_LATTICE_INBOX", `Cannot fetch from "${subject}": ${found}`);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", end);
    end();
  }
}

const HEARTBEAT = 100;
const NO_MESSAGES = 404;
const TIMED_OUT = 408;
const CONFLICT = 409;
const NOBODY = 503;

/** 409 has many meanings; those with a limit of the request itself only end it. */
const isRunOut = (status: number, text: string): boolean =>
  status === NO_MESSAGES || status === TIMED_OUT || (status === CONFLICT && /batch completed|maxbytes/i.test(text));

function ended(subject: string, status: number, text: string): PetioleError {
  const found =
    status === NOBODY ? "no JetStream answers; the hub may be away" : `${text || "the hub ended it"} (${status})`;
  return new PetioleError("ERR_LATTICE_INBOX", `Cannot fetch from "${subject}": ${found}`);
}

/** The default of `expires`: long, as an idle device should say little. */
export const PULL_EXPIRES = seconds(30);
/** A consumer that nobody asks is forgotten by the hub after so long. */
export const FORGOTTEN_AFTER = millis(PULL_EXPIRES * 4);
