import { connect, errors, wsconnect, type NatsConnection } from "@nats-io/transport-node";
import { seconds } from "../../domain/units.ts";
import { silentLogger } from "../../lib/log.ts";
import { clientOptions, isWebSocket } from "./client-options.ts";
import type { NatsTls } from "./connection.ts";
import { isNoResponders } from "./nats-error.ts";

export interface DialUserOptions {
  /** One after another until one lets us in. */
  readonly servers: readonly string[];
  readonly jwt: string;
  readonly seed: string;
  readonly tls?: NatsTls | undefined;
  /** Shown in the server's connection list. */
  readonly name: string;
  /** Answers go below this subject. */
  readonly inboxRoot?: string;
  readonly signal?: AbortSignal | undefined;
}

const LIMIT = seconds(10);

/** A connection as a user whose token is in memory. Rejects with what the last server said; the caller closes it. */
export async function dialUser({
  servers,
  jwt,
  seed,
  tls,
  signal,
  ...options
}: DialUserOptions): Promise<NatsConnection> {
  let failure: unknown = new Error("no server is named");
  for (const server of servers) {
    signal?.throwIfAborted();
    try {
      const settings = clientOptions(server, {
        ...options,
        servers,
        jwt,
        nkeySeed: seed,
        connectTimeout: LIMIT,
        log: silentLogger,
        // Servers of both kinds may be named.
        tls: server.startsWith("tls:") ? tls : undefined,
      });
      return await (isWebSocket(server) ? wsconnect(settings) : connect(settings));
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

/** The server knows the user and does not let it in, or does not know it. */
export function isRefusedLogin(error: unknown): boolean {
  return (
    error instanceof errors.AuthorizationError ||
    error instanceof errors.UserAuthenticationExpiredError ||
    (error instanceof Error && error.cause !== undefined && isRefusedLogin(error.cause))
  );
}

/** @throws what the client throws: nobody answers, no answer in time, the connection is lost */
export async function requestText(connection: NatsConnection, subject: string, body: string): Promise<string> {
  for (let attempt = 0; ; attempt++) {
    try {
      return (await connection.request(subject, body, { timeout: LIMIT })).string();
    } catch (error) {
      // Whoever answers may be starting again.
      if (!isNoResponders(error) || attempt > 0) throw error;
    }
  }
}
