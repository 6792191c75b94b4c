import type { Msg, NatsConnection } from "@nats-io/transport-node";
import { newInbox } from "../inbox.ts";

export interface InboxReceiver {
  /** `rest`: what stands behind the inbox in the message's subject, such as `results.0`. */
  onMessage(rest: string, message: Msg): void;
  /** The connection is gone. */
  onLost(): void;
}

/** The inboxes of all calls over one connection, which are one subscription. */
export interface CallInboxes {
  /** The subject of a new inbox. Nothing is delivered to it until it is opened. */
  create(): string;
  open(inbox: string, receiver: InboxReceiver): void;
  close(inbox: string): void;
}

const known = new WeakMap<NatsConnection, CallInboxes>();

export function callInboxesOf(connection: NatsConnection): CallInboxes {
  const found = known.get(connection);
  if (found !== undefined) return found;
  const made = openInboxes(connection);
  known.set(connection, made);
  return made;
}

function openInboxes(connection: NatsConnection): CallInboxes {
  const prefix = `${newInbox(connection)}.`;
  const receivers = new Map<string, InboxReceiver>();
  let made = 0;
  connection.subscribe(`${prefix}>`, {
    callback: (error, message) => {
      if (error !== null) return;
      const { subject } = message;
      const dot = subject.indexOf(".", prefix.length);
      const inbox = dot < 0 ? subject : subject.slice(0, dot);
      try {
        receivers.get(inbox)?.onMessage(dot < 0 ? "" : subject.slice(dot + 1), message);
      } catch {
        // Its headers are none. What is thrown here would end the client's reading of the connection.
      }
    },
  });
  void connection.closed().then(() => {
    const lost = [...receivers.values()];
    receivers.clear();
    for (const receiver of lost) receiver.onLost();
  });
  return {
    create: () => {
      made += 1;
      return prefix + made.toString(36);
    },
    open: (inbox, receiver) => void receivers.set(inbox, receiver),
    close: (inbox) => void receivers.delete(inbox),
  };
}
