import type { Msg, NatsConnection, Subscription } from "@nats-io/transport-node";
import type { LatticeConnection } from "./connection.ts";

export interface LiveSubscriptionOptions {
  readonly connection: LatticeConnection;
  readonly subject: string;
  readonly queue?: string | undefined;
  readonly onMessage: (message: Msg) => void;
  /** The server does not let us have this subject, or the message cannot be read. */
  readonly onError: (error: unknown) => void;
}

/** A subscription that is made again on each new connection. Disposing it ends it; nothing is delivered after that. */
export function keepSubscribed(options: LiveSubscriptionOptions): Disposable {
  const { connection, subject, queue } = options;
  let owner: NatsConnection | undefined;
  let subscription: Subscription | undefined;
  let ended = false;

  const attach = (): void => {
    const live = connection.current();
    if (live === undefined || live === owner) return;
    owner = live;
    subscription = live.subscribe(subject, {
      ...(queue === undefined ? {} : { queue }),
      callback: (error, message) => {
        if (ended) return;
        if (error !== null) {
          options.onError(error);
          return;
        }
        try {
          options.onMessage(message);
        } catch (cause) {
          // Thrown on, it would end the client's reading of the connection. Headers that are none are read late.
          options.onError(cause);
        }
      },
    });
  };
  const watching = connection.onChange(attach);
  attach();

  return {
    [Symbol.dispose]() {
      ended = true;
      watching[Symbol.dispose]();
      if (subscription?.isClosed() === false && owner?.isClosed() === false) subscription.unsubscribe();
    },
  };
}
