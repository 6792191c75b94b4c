import type { NatsConnection, Subscription } from "@nats-io/transport-node";
import type { LatticeConnection } from "../connection.ts";
import { linkIdentity } from "../wasmcloud/provider-links.ts";
import { linkEnds, parseJson } from "../wasmcloud/wire.ts";

export interface LinkRemovalsOptions {
  readonly connection: LatticeConnection;
  readonly subject: string;
  /** With the link's identity. */
  readonly onRemoval: (link: string) => void;
  /** Removals may have been missed. */
  readonly onGap: () => void;
}

/**
 * Hears, on this connection and on those after it, which links others tell a provider to drop: all processes with its id hear of
 * a removal, whichever host it comes from.
 */
export function hearLinkRemovals({ connection, subject, onRemoval, onGap }: LinkRemovalsOptions): Disposable {
  let heard: NatsConnection | undefined;
  let subscription: Subscription | undefined;

  function listen(): void {
    const current = connection.current();
    if (current === undefined || current === heard) return;
    if (heard !== undefined) onGap();
    heard = current;
    subscription = current.subscribe(subject, {
      callback: (error, message) => {
        if (error !== null) return;
        const parsed = linkEnds.safeParse(parseJson(message.data));
        if (parsed.success) onRemoval(linkIdentity(parsed.data));
      },
    });
  }

  const changes = connection.onChange(listen);
  listen();
  return {
    [Symbol.dispose]: () => {
      changes[Symbol.dispose]();
      // One that is closed has none any more.
      if (heard?.isClosed() === false) subscription?.unsubscribe();
    },
  };
}
