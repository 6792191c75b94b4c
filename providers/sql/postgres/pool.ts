import { backoffDelay, reasonOf, type Clock, type Logger, type Metrics } from "#provider";
import type { PostgresConfig } from "../config.ts";
import { failure, type SqlFault } from "../sql-fault.ts";
import { connect, type Connection } from "./connection.ts";

export interface PoolDeps {
  readonly config: PostgresConfig;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/**
 * Sessions with one server, opened when they are needed. While the server cannot be reached, calls fail at once, and one
 * try after another, later and later, looks whether it is back.
 */
export interface Pool extends AsyncDisposable {
  /**
   * Runs work on a session of its own. One that is lost, or that `work` says is of no further use, is closed afterwards.
   * @throws SqlFault when there is none
   */
  use<T>(work: (connection: Connection, discard: () => void) => Promise<T>): Promise<T>;
  /** Opens a session, to be found when it is needed. Resolves also when that failed. */
  warm(): Promise<void>;
}

/** Statements that the server keeps for one session; one with more is closed. */
const MAX_KEPT = 256;

export function createPool({ config, clock, log, metrics }: PoolDeps): Pool {
  const idle: { readonly connection: Connection; readonly since: number }[] = [];
  const waiting: (() => void)[] = [];
  const busy = new Set<Promise<unknown>>();
  const stop = new AbortController();
  /** Open, being opened, or in use. */
  let count = 0;
  let down: string | undefined;
  let recovering: Promise<void> | undefined;

  const losses = metrics.counter("sql_losses_total", "Times that the database could not be reached any more.");
  metrics.observedGauge("sql_connections", "Connections to the database that are open.", () => count);
  metrics.observedGauge("sql_waiting", "Statements that wait for a connection or a thread.", () => waiting.length);

  const unreachable = (): SqlFault => failure("unreachable", "there is no connection to the database");
  const wake = (): void => waiting.shift()?.();

  function close(connection: Connection): void {
    connection.destroy();
    count -= 1;
    wake();
  }

  function keep(connection: Connection): void {
    if (stop.signal.aborted || connection.isLost() || connection.kept() > MAX_KEPT) return close(connection);
    idle.push({ connection, since: clock.monotonic() });
    wake();
  }

  async function open(): Promise<Connection> {
    count += 1;
    try {
      const connection = await connect(config, stop.signal);
      connection.onLost(() => {
        const at = idle.findIndex((one) => one.connection === connection);
        if (at === -1) return;
        idle.splice(at, 1);
        close(connection);
      });
      return connection;
    } catch (error) {
      count -= 1;
      wake();
      throw error;
    }
  }

  /** Says that the server is away, and looks for it until it is back. */
  function lose(error: unknown): void {
    const reason = reasonOf(error);
    if (down === undefined) {
      losses.add();
      log.warn("Cannot reach the database, will try again", { host: config.host, reason });
    }
    down = reason;
    recovering ??= recover().finally(() => {
      recovering = undefined;
    });
  }

  async function recover(): Promise<void> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        await clock.sleep(backoffDelay(attempt, config.reconnect), stop.signal);
      } catch {
        return;
      }
      try {
        const connection = await open();
        down = undefined;
        log.info("The database can be reached again", { host: config.host });
        keep(connection);
        return;
      } catch (error) {
        if (stop.signal.aborted) return;
        const reason = reasonOf(error);
        if (reason !== down) log.warn("Still cannot reach the database", { host: config.host, reason });
        down = reason;
      }
    }
  }

  async function take(): Promise<Connection> {
    for (;;) {
      if (stop.signal.aborted || down !== undefined) throw unreachable();
      const found = idle.pop();
      if (found !== undefined) return found.connection;
      if (count < config.max_connections) {
        try {
          return await open();
        } catch (error) {
          if (!stop.signal.aborted) lose(error);
          throw unreachable();
        }
      }
      await turn();
    }
  }

  /** Resolves when a session may be free. */
  async function turn(): Promise<void> {
    if (waiting.length >= config.queue) throw failure("busy", "too many statements wait for a connection");
    const { promise, resolve } = Promise.withResolvers<void>();
    waiting.push(resolve);
    const timer = new AbortController();
    const expired = clock.sleep(config.statement_timeout, timer.signal).then(
      () => "expired" as const,
      () => undefined,
    );
    const result = await Promise.race([promise, expired]);
    timer.abort();
    if (result !== "expired") return;
    const at = waiting.indexOf(resolve);
    // Its turn came at the same time.
    if (at === -1) return;
    waiting.splice(at, 1);
    throw failure("busy", "all connections were in use for too long");
  }

  async function closeIdle(): Promise<void> {
    for (;;) {
      await clock.sleep(config.idle_timeout, stop.signal);
      const until = clock.monotonic() - config.idle_timeout;
      for (const old of idle.filter(({ since }) => since <= until)) {
        idle.splice(idle.indexOf(old), 1);
        close(old.connection);
      }
    }
  }
  const closing = closeIdle().catch(() => {});

  async function use<T>(work: (connection: Connection, discard: () => void) => Promise<T>): Promise<T> {
    const connection = await take();
    let discarded = false;
    try {
      return await work(connection, () => {
        discarded = true;
      });
    } finally {
      if (discarded) close(connection);
      else keep(connection);
    }
  }

  return {
    use: async (work) => {
      const running = use(work);
      busy.add(running);
      try {
        return await running;
      } finally {
        busy.delete(running);
      }
    },
    warm: async () => {
      try {
        keep(await open());
      } catch (error) {
        if (!stop.signal.aborted) lose(error);
      }
    },
    async [Symbol.asyncDispose]() {
      stop.abort(new Error("the provider ends"));
      while (waiting.length > 0) wake();
      await Promise.allSettled(busy);
      await Promise.all([closing, recovering]);
      for (const { connection } of idle.splice(0)) close(connection);
    },
  };
}
