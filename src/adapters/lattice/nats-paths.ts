import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import type { NatsPath, NatsPaths } from "../../provider/services.ts";
import { connectNats, type LatticeConnection } from "./connection.ts";
import { newInbox } from "./inbox.ts";

export interface NatsPathsDeps {
  /** Undefined when no hub is configured. */
  readonly hub: { readonly connection: LatticeConnection; readonly domain: string | undefined } | undefined;
  /** Shown in a server's connection list. */
  readonly name: string;
  readonly log: Logger;
  readonly clock: Clock;
}

/** The hub's connection, and further ones that are kept up in the same way. */
export function createNatsPaths({ hub, name, log, clock }: NatsPathsDeps): NatsPaths {
  return {
    hub: hub === undefined ? NO_HUB : pathOver(hub.connection, hub.domain),
    open: ({ urls, domain, credentialsFile, tls }) => {
      const connection = connectNats({ servers: urls, credentials: credentialsFile, tls, name, log, clock });
      return {
        ...pathOver(connection, domain),
        [Symbol.asyncDispose]: async () => await connection[Symbol.asyncDispose](),
      };
    },
  };
}

function pathOver(connection: LatticeConnection, domain: string | undefined): NatsPath {
  return { current: () => connection.current(), reason: () => connection.state().reason, newInbox, domain };
}

const NO_HUB: NatsPath = {
  current: () => undefined,
  reason: () => "no hub is configured",
  // Not the function itself: naming it would load the client.
  newInbox: (connection) => newInbox(connection),
  domain: undefined,
};
