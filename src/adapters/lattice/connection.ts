import { readFileSync } from "node:fs";
import { connect, credsAuthenticator, type NatsConnection, type NodeConnectionOptions } from "@nats-io/transport-node";
import { seconds, type Millis } from "../../domain/units.ts";
import { backoffDelay, type BackoffOptions } from "../../lib/backoff.ts";
import { systemClock, type Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import { describeNatsError } from "./nats-error.ts";

export interface NatsTls {
  /** PEM files. */
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** TLS before the server's greeting; the server must be set up for it. */
  readonly handshakeFirst?: boolean | undefined;
}

export interface NatsEndpoint {
  /** Tried in random order. Servers that a cluster announces are not used: list those that matter. */
  readonly servers: readonly string[];
  /** Credentials file; read again for each connection, so that a renewed one is taken up. */
  readonly credentials?: string | undefined;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  readonly token?: string | undefined;
  readonly tls?: NatsTls | undefined;
}

export interface ConnectNatsOptions extends NatsEndpoint {
  /** Shown in the server's connection list. */
  readonly name: string;
  readonly log: Logger;
  readonly clock?: Clock;
  /** A peer that misses two pings is given up. */
  readonly pingInterval?: Millis;
  /** Limit of one connection attempt. */
  readonly connectTimeout?: Millis;
  readonly backoff?: BackoffOptions;
}

export interface ConnectionState {
  readonly connected: boolean;
  readonly server: string | undefined;
  /** Why there is no connection, for people. */
  readonly reason: string | undefined;
}

/** A connection that is made again, without end, until it is disposed. */
export interface LatticeConnection extends AsyncDisposable {
  /** The live connection, or undefined. Another object after each reconnect: subscriptions must be made again. */
  current(): NatsConnection | undefined;
  state(): ConnectionState;
  /** Calls `listener` after each change between connected and not. */
  onChange(listener: () => void): Disposable;
}

const DEFAULT_BACKOFF: BackoffOptions = { initial: seconds(1), max: seconds(60) };

/**
 * Connects in the background and returns at once: the agent works without a server. The caller disposes it.
 *
 * The client's own reconnecting is off. It asks for its delay before every look at the server list, which makes
 * a growing delay impossible, it keeps requests waiting across a disconnect, and its first connect cannot be stopped.
 */
export function connectNats(options: ConnectNatsOptions): LatticeConnection {
  const { log } = options;
  const clock = options.clock ?? systemClock;
  const listeners = new Set<() => void>();
  const stop = new AbortController();
  let connection: NatsConnection | undefined;
  let reason: string | undefined = "not connected yet";

  const change = (next: NatsConnection | undefined, why: string | undefined): void => {
    connection = next;
    reason = why;
    for (const listener of listeners) listener();
  };

  const running = keepConnected();

  async function keepConnected(): Promise<void> {
    for (let attempt = 0; !stop.signal.aborted; attempt++) {
      try {
        const live = await dial();
        attempt = -1;
        log.info("Connected to NATS", { server: live.getServer(), version: live.info?.version });
        change(live, undefined);
        const closed = await live.closed();
        if (stop.signal.aborted) return;
        const why = closed instanceof Error ? describeNatsError(closed) : "the server closed the connection";
        log.warn("Connection to NATS lost", { reason: why });
        change(undefined, why);
      } catch (error) {
        if (stop.signal.aborted) return;
        const why = describeNatsError(error);
        // One line for each new reason; a server that is away for days must not fill the log.
        if (why !== reason) log.warn("Cannot connect to NATS", { servers: options.servers, reason: why });
        change(undefined, why);
      }
      const delay = backoffDelay(Math.max(0, attempt), options.backoff ?? DEFAULT_BACKOFF);
      await clock.sleep(delay, stop.signal).catch(() => {});
    }
  }

  /** One attempt. When stopped meanwhile, it rejects at once and closes what may still come of it. */
  function dial(): Promise<NatsConnection> {
    const { promise, resolve, reject } = Promise.withResolvers<NatsConnection>();
    const abandon = (): void => reject(new Error("stopped"));
    stop.signal.addEventListener("abort", abandon, { once: true });
    const attempt = async (): Promise<NatsConnection> => connect(clientOptions(options));
    void attempt()
      .then((live) => {
        if (stop.signal.aborted) void live.close();
        resolve(live);
      }, reject)
      .finally(() => stop.signal.removeEventListener("abort", abandon));
    return promise;
  }

  return {
    current: () => (connection?.isClosed() === false ? connection : undefined),
    state: () => ({ connected: connection !== undefined, server: connection?.info?.version, reason }),
    onChange: (listener) => {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      const live = connection;
      connection = undefined;
      await live?.close();
      await running;
    },
  };
}

function clientOptions(options: ConnectNatsOptions): NodeConnectionOptions {
  const { credentials, user, password, token, tls } = options;
  return {
    servers: [...options.servers],
    name: options.name,
    reconnect: false,
    pingInterval: options.pingInterval ?? seconds(20),
    maxPingOut: 2,
    timeout: options.connectTimeout ?? seconds(10),
    ignoreClusterUpdates: true,
    // Without traces of the caller for each request: a window of requests is in flight all the time.
    noAsyncTraces: true,
    ...(credentials === undefined ? {} : { authenticator: credsAuthenticator(readFileSync(credentials)) }),
    ...(user === undefined ? {} : { user }),
    ...(password === undefined ? {} : { pass: password }),
    ...(token === undefined ? {} : { token }),
    ...(tls === undefined ? {} : { tls: clientTls(tls) }),
  };
}

function clientTls(tls: NatsTls): NonNullable<NodeConnectionOptions["tls"]> {
  return {
    ...(tls.ca === undefined ? {} : { caFile: tls.ca }),
    ...(tls.cert === undefined ? {} : { certFile: tls.cert }),
    ...(tls.key === undefined ? {} : { keyFile: tls.key }),
    ...(tls.handshakeFirst === undefined ? {} : { handshakeFirst: tls.handshakeFirst }),
  };
}
