import { connect, errors, wsconnect, type NatsConnection } from "@nats-io/transport-node";
import { seconds } from "../../domain/units.ts";
import { silentLogger } from "../../lib/log.ts";
import { clientOptions, isWebSocket } from "./client-options.ts";
import type { NatsTls } from "./connection.ts";

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

/** @throws what the client throws: nobody answers, no answer in time, the connection is lost; the signal's reason */
export async function requestText(
  connection: NatsConnection,
  subject: string,
  body: string,
  signal?: AbortSignal,
): Promise<string> {
  signal?.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal?.reason as Error);
  signal?.addEventListener("abort", abort, { once: true });
  try {
    return (await Promise.race([connection.request(subject, body, { timeout: LIMIT }), aborted])).string();
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}
