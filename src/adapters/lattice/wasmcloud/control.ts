import type { Msg } from "@nats-io/transport-node";
import { isPetioleError } from "../../../domain/errors.ts";
import type { Logger } from "../../../lib/log.ts";
import type { LatticeConnection } from "../connection.ts";
import { keepSubscribed } from "../live-subscription.ts";
import { describeNatsError } from "../nats-error.ts";
import type { Outcome, Verb } from "./context.ts";
import { controlSubscriptions, parseControlSubject } from "./subjects.ts";
import { refused, type Reply } from "./wire.ts";

export interface ControlOptions {
  readonly lattice: string;
  readonly hostId: string;
  readonly connection: LatticeConnection;
  readonly verbs: Readonly<Record<string, Verb>>;
  readonly log: Logger;
}

/** A request has at most so many bytes; a list of links or labels is far smaller. */
const MOST_BYTES = 256 * 1024;
/** Requests that may be worked on at a time. */
const MOST_AT_A_TIME = 512;

/** Answers the commands of a lattice. Disposing it ends the subscriptions; what is being worked on goes on. */
export function listenForCommands({ lattice, hostId, connection, verbs, log }: ControlOptions): Disposable {
  let busy = 0;

  async function outcomeOf(message: Msg): Promise<Outcome> {
    const command = parseControlSubject(lattice, message.subject);
    const verb = command !== undefined && Object.hasOwn(verbs, command.verb) ? verbs[command.verb] : undefined;
    if (command === undefined || verb === undefined) return { reply: refused("unsupported subject") };
    if (message.data.length > MOST_BYTES) {
      return { reply: refused(`the request has ${message.data.length} bytes, want at most ${MOST_BYTES}`) };
    }
    try {
      return await verb(message.data, command.rest);
    } catch (error) {
      if (isPetioleError(error)) return { reply: refused(error.message) };
      log.error("A command of the lattice failed", { subject: message.subject, err: error });
      return { reply: refused("internal error") };
    }
  }

  function send(message: Msg, reply: Reply | undefined): void {
    if (reply === undefined || message.reply === undefined || message.reply === "") return;
    try {
      message.respond(JSON.stringify(reply));
    } catch (error) {
      // The connection went away, or the answer is too large for it: whoever asked asks again.
      log.warn("Cannot answer a command of the lattice", {
        subject: message.subject,
        reason: describeNatsError(error),
      });
    }
  }

  async function handle(message: Msg): Promise<void> {
    if (busy >= MOST_AT_A_TIME) {
      send(message, refused("too many requests at a time"));
      return;
    }
    busy += 1;
    try {
      const { reply, after } = await outcomeOf(message);
      send(message, reply);
      await after?.();
    } catch (error) {
      log.error("A command of the lattice could not be carried out", { subject: message.subject, err: error });
    } finally {
      busy -= 1;
    }
  }

  using stack = new DisposableStack();
  for (const { subject, queue } of controlSubscriptions(lattice, hostId)) {
    stack.use(
      keepSubscribed({
        connection,
        subject,
        queue,
        onMessage: (message) => void handle(message),
        onError: (error) => log.warn("A command subject was refused", { subject, reason: describeNatsError(error) }),
      }),
    );
  }
  return stack.move();
}
