import type { Msg, MsgHdrs } from "@nats-io/transport-node";
import { isPetioleError } from "../../domain/errors.ts";
import type { Lane } from "../../domain/outbox.ts";
import { mebibytes, type Bytes, type Millis } from "../../domain/units.ts";
import type { Logger } from "../../lib/log.ts";
import type { Outbox } from "../../provider/services.ts";
import type { LatticeConnection } from "./connection.ts";
import { keepSubscribed } from "./live-subscription.ts";
import { describeNatsError } from "./nats-error.ts";
import { checkSubject } from "./subjects.ts";

export interface IntakeRoute {
  readonly subject: string;
  readonly lane: Lane;
  readonly ttl?: Millis | undefined;
}

export interface LocalIntakeDeps {
  /** Into the account of the local clients. */
  readonly connection: LatticeConnection;
  readonly routes: readonly IntakeRoute[];
  readonly outbox: Pick<Outbox, "publish">;
  readonly log: Logger;
  /** What may wait for the store, over all routes; further messages are refused, and counted when nobody waits. */
  readonly limit?: { readonly messages: number; readonly bytes: Bytes };
}

export interface IntakeCounts {
  readonly accepted: number;
  /** Not taken by the outbox, such as a message that is too large. */
  readonly refused: number;
  /** Not even offered to it, because too many were waiting. */
  readonly dropped: number;
}

export interface LocalIntake extends AsyncDisposable {
  counts(): IntakeCounts;
}

/** Who published what comes this way, for the outbox. */
const OWNER = "local";
const DEFAULT_LIMIT = { messages: 1024, bytes: mebibytes(4) };
/** Those belong to the servers on the way and to the forwarder. */
const RESERVED_HEADER = /^(?:nats|petiole)-/i;

/**
 * Takes what local clients publish into the outbox. Messages are handed over in the order they arrive, without waiting
 * for one before the next, so that one commit takes many. Who sent a request learns what became of its message; who
 * merely published does not, and its message is lost when the agent or its server stops before it was accepted.
 */
export function startLocalIntake(deps: LocalIntakeDeps): LocalIntake {
  const { log } = deps;
  const limit = deps.limit ?? DEFAULT_LIMIT;
  const counts = { accepted: 0, refused: 0, dropped: 0 };
  const waiting = new Set<Promise<void>>();
  let bytes = 0;
  // One line for each row of failures of a kind: a flood of messages must not become a flood of lines.
  let failing: string | undefined;

  const fail = (message: Msg, code: string, why: string): void => {
    if (failing !== code) log.warn("A message of a local client was not accepted", { code, reason: why, ...counts });
    failing = code;
    answer(message, { error: { code, message: why } });
  };

  const take = (message: Msg, route: IntakeRoute): void => {
    if (waiting.size >= limit.messages || (bytes + message.data.length > limit.bytes && waiting.size > 0)) {
      counts.dropped += 1;
      fail(message, "ERR_OUTBOX_FULL", `Cannot accept "${message.subject}": too many messages wait for the store`);
      return;
    }
    bytes += message.data.length;
    const done = accept(message, route).finally(() => {
      bytes -= message.data.length;
      waiting.delete(done);
    });
    waiting.add(done);
  };

  async function accept(message: Msg, { lane, ttl }: IntakeRoute): Promise<void> {
    try {
      const { outcome, seq } = await deps.outbox.publish({
        lane,
        subject: checkSubject(message.subject),
        body: message.data,
        headers: passedOn(message.headers),
        owner: OWNER,
        ...(ttl === undefined ? {} : { ttl }),
      });
      counts.accepted += 1;
      failing = undefined;
      answer(message, { outcome, seq });
    } catch (error) {
      counts.refused += 1;
      if (isPetioleError(error)) fail(message, error.code, error.message);
      else {
        log.error("A message of a local client could not be handled", { subject: message.subject, err: error });
        answer(message, { error: { code: "ERR_INVARIANT", message: "The agent failed; its log says why" } });
      }
    }
  }

  const subscriptions = deps.routes.map((route) =>
    keepSubscribed({
      connection: deps.connection,
      subject: route.subject,
      onMessage: (message) => take(message, route),
      onError: (error) =>
        log.warn("The intake from local clients was refused", {
          subject: route.subject,
          reason: describeNatsError(error),
        }),
    }),
  );

  return {
    counts: () => ({ ...counts }),
    /** Takes no more, and waits for what is on its way into the store. */
    async [Symbol.asyncDispose]() {
      for (const subscription of subscriptions) subscription[Symbol.dispose]();
      await Promise.all(waiting);
    },
  };
}

function answer(message: Msg, body: unknown): void {
  if (message.reply === undefined || message.reply === "") return;
  try {
    message.respond(JSON.stringify(body));
  } catch {
    // The connection is gone, and with it whoever could have heard the answer here; its request times out.
  }
}

function passedOn(headers: MsgHdrs | undefined): Record<string, string> {
  if (headers === undefined) return {};
  return Object.fromEntries(
    [...headers].filter(([name]) => !RESERVED_HEADER.test(name)).map(([name, values]) => [name, values.join(", ")]),
  );
}
