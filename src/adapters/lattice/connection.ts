import { connect, wsconnect, type NatsConnection } from "@nats-io/transport-node";
import { millis, type Millis } from "../../domain/units.ts";
import { backoffDelay, type BackoffOptions } from "../../lib/backoff.ts";
import { systemClock, type Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import { withoutLogin } from "../../lib/without-login.ts";
import { clientOptions, isWebSocket } from "./client-options.ts";
import { keepInboxesBelow } from "./inbox.ts";
import { describeNatsError } from "./nats-error.ts";
import { reconnectDelay } from "./reconnect-delay.ts";

export interface NatsTls {
  /** PEM files. */
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** TLS before the server's greeting; the server must be set up for it. */
  readonly handshakeFirst?: boolean | undefined;
}

export interface NatsEndpoint {
  /**
   * Tried in random order; `user:password@` in a URL goes before the fields below. `ws://` and `wss://` are websockets.
   * Servers that a cluster announces are not used: list those that matter.
   */
  readonly servers: readonly string[];
  /** Credentials file; read again for each connection, so that a renewed one is taken up. */
  readonly credentials?: string | undefined;
  /** Seed of an nkey, or the file that has one; the file is read again for each connection as well. */
  readonly nkeySeed?: string | undefined;
  readonly nkeyFile?: string | undefined;
  /** The token (JWT) that goes with the seed, for a hub in operator mode. */
  readonly jwt?: string | undefined;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  readonly token?: string | undefined;
  readonly tls?: NatsTls | undefined;
}

export interface ConnectNatsOptions extends NatsEndpoint {
  /** Shown in the server's connection list. */
  readonly name: string;
  /** Answers go below this subject. */
  readonly inboxRoot?: string;
  readonly log: Logger;
  readonly clock?: Clock;
  /** A peer that misses two pings is given up. */
  readonly pingInterval?: Millis;
  /** Limit of one connection attempt. */
  readonly connectTimeout?: Millis;
  /** The pauses for a hub that a fleet shares unless given. */
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
  /** Drops the connection and makes it anew at once, such as with other credentials. */
  reconnect(reason: string): void;
  /** Tries now instead of after the pause, when there is no connection. */
  retry(): void;
  /** Calls `listener` after each change between connected and not. */
  onChange(listener: () => void): Disposable;
}

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
  let lostAt = clock.monotonic();
  // Set while somebody wants the connection made anew.
  let wanted: string | undefined;
  let wake = new AbortController();

  const change = (next: NatsConnection | undefined, why: string | undefined): void => {
    if (connection !== undefined && next === undefined) lostAt = clock.monotonic();
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
        const why =
          wanted ?? (closed instanceof Error ? describeNatsError(closed) : "the server closed the connection");
        log.warn("Connection to NATS lost", { reason: why });
        change(undefined, why);
      } catch (error) {
        if (stop.signal.aborted) return;
        const why = whyNotConnected(error, options);
        // One line for each new reason; a server that is away for days must not fill the log.
        if (why !== reason)
          log.warn("Cannot connect to NATS", { servers: options.servers.map(withoutLogin), reason: why });
        change(undefined, why);
      }
      if (wanted === undefined) await pause(Math.max(0, attempt));
      wanted = undefined;
    }
  }

  async function pause(attempt: number): Promise<void> {
    wake = new AbortController();
    const outage = millis(clock.monotonic() - lostAt);
    const delay =
      options.backoff === undefined ? reconnectDelay({ attempt, outage }) : backoffDelay(attempt, options.backoff);
    await clock.sleep(delay, AbortSignal.any([stop.signal, wake.signal])).catch(() => {});
  }

  /** One server after another until one lets us in; rejects with what the last one said. */
  async function connectToAny(): Promise<NatsConnection> {
    let failure: unknown;
    for (const server of shuffled(options.servers)) {
      if (stop.signal.aborted) break;
      try {
        // The files of the credentials are read in there: none of it may throw into the caller.
        const settings = clientOptions(server, options);
        const live = await (isWebSocket(server) ? wsconnect(settings) : connect(settings));
        if (options.inboxRoot !== undefined) keepInboxesBelow(live, options.inboxRoot);
        return live;
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  /** One attempt. When stopped meanwhile, it rejects at once and closes what may still come of it. */
  function dial(): Promise<NatsConnection> {
    const { promise, resolve, reject } = Promise.withResolvers<NatsConnection>();
    const abandon = (): void => reject(new Error("stopped"));
    stop.signal.addEventListener("abort", abandon, { once: true });
    void connectToAny()
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
    reconnect: (why) => {
      if (stop.signal.aborted) return;
      wanted = why;
      wake.abort();
      void connection?.close();
    },
    retry: () => wake.abort(),
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

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, key: Math.random() }))
    .sort((a, b) => a.key - b.key)
    .map(({ item }) => item);
}

/**
 * A server that wants a client's certificate says so in an alert, which a reset on its heels may overtake: then only
 * the reset is seen.
 */
function whyNotConnected(error: unknown, { tls }: NatsEndpoint): string {
  const why = describeNatsError(error);
  const isReset = /\b(ECONNRESET|EPIPE)\b/.test(why);
  return isReset && tls !== undefined && tls.cert === undefined ? `${why}; it may want a client certificate` : why;
}
