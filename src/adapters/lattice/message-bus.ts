import type { Msg, NatsConnection } from "@nats-io/transport-node";
import { PetioleError } from "../../domain/errors.ts";
import { mebibytes, type Bytes, type Millis } from "../../domain/units.ts";
import type { Logger } from "../../lib/log.ts";
import type { BusMessage, MessageBus } from "../../provider/services.ts";
import type { LatticeConnection } from "./connection.ts";
import { createDeliveryQueue } from "./delivery-queue.ts";
import { keepSubscribed } from "./live-subscription.ts";
import { describeNatsError } from "./nats-error.ts";
import { checkSubject, checkSubjectFilter } from "./subjects.ts";

export interface MessageBusDeps {
  readonly connection: LatticeConnection;
  readonly log: Logger;
  /** What may wait in each subscription; further messages are dropped and counted in the log. */
  readonly pending?: { readonly messages: number; readonly bytes: Bytes };
}

const DEFAULT_PENDING = { messages: 512, bytes: mebibytes(4) };

/** Core NATS with nothing in between: what cannot be sent now is refused. */
export function createMessageBus(deps: MessageBusDeps): MessageBus {
  const { connection } = deps;

  const usable = (what: string): NatsConnection => {
    const live = connection.current();
    if (live !== undefined) return live;
    const { reason } = connection.state();
    throw new PetioleError("ERR_LATTICE_UNREACHABLE", `Cannot ${what}: not connected, ${reason ?? "closing"}`);
  };

  return {
    publish: (message) => {
      const what = `publish to "${message.subject}"`;
      checkSubject(message.subject);
      if (message.replyTo !== undefined) checkSubject(message.replyTo);
      const live = usable(what);
      checkSize(what, message.body, live);
      const reply = message.replyTo === undefined ? {} : { reply: message.replyTo };
      attempt(what, () => live.publish(message.subject, message.body, reply));
    },
    request: async (subject, body, timeout) => {
      const what = `request "${subject}"`;
      checkSubject(subject);
      const live = usable(what);
      checkSize(what, body, live);
      return toBusMessage(await sendRequest(what, live, { subject, body, timeout }));
    },
    subscribe: (subject, queue, onMessage) => {
      checkSubjectFilter(subject);
      if (queue !== undefined) checkSubject(queue);
      return subscribe(deps, { subject, queue }, onMessage);
    },
  };
}

function subscribe(
  deps: MessageBusDeps,
  { subject, queue }: { readonly subject: string; readonly queue: string | undefined },
  onMessage: (message: BusMessage) => Promise<void>,
): AsyncDisposable {
  const { connection, log } = deps;
  const deliveries = createDeliveryQueue({
    limit: deps.pending ?? DEFAULT_PENDING,
    deliver: onMessage,
    onFailure: (error) => log.warn("A bus subscription's handler failed", { subject, err: error }),
    onDrop: (dropped) => log.warn("A bus subscription drops messages: its handler is too slow", { subject, dropped }),
  });
  const subscription = keepSubscribed({
    connection,
    subject,
    queue,
    onMessage: (message) => deliveries.push(toBusMessage(message)),
    onError: (error) => log.warn("A bus subscription was refused", { subject, reason: describeNatsError(error) }),
  });
  return {
    async [Symbol.asyncDispose]() {
      subscription[Symbol.dispose]();
      await deliveries[Symbol.asyncDispose]();
    },
  };
}

interface Request {
  readonly subject: string;
  readonly body: Uint8Array;
  readonly timeout: Millis;
}

async function sendRequest(what: string, live: NatsConnection, { subject, body, timeout }: Request): Promise<Msg> {
  try {
    return await live.request(subject, body, { timeout });
  } catch (cause) {
    throw new PetioleError("ERR_LATTICE_UNREACHABLE", `Cannot ${what}: ${describeNatsError(cause)}`, { cause });
  }
}

/** The client throws when the connection went away since it was looked at. */
function attempt(what: string, action: () => void): void {
  try {
    action();
  } catch (cause) {
    throw new PetioleError("ERR_LATTICE_UNREACHABLE", `Cannot ${what}: ${describeNatsError(cause)}`, { cause });
  }
}

function checkSize(what: string, body: Uint8Array, live: NatsConnection): void {
  const limit = live.info?.max_payload;
  if (limit === undefined || body.length <= limit) return;
  throw new PetioleError("ERR_LATTICE_MESSAGE", `Cannot ${what}: ${body.length} bytes, the server takes ${limit}`);
}

function toBusMessage(message: Msg): BusMessage {
  const { subject, data, reply } = message;
  return { subject, body: data, replyTo: reply === undefined || reply === "" ? undefined : reply };
}
