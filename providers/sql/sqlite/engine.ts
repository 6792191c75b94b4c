import { millis, PetioleError, reasonOf, type Clock, type Logger, type Metrics } from "#provider";
import type { SqliteConfig } from "../config.ts";
import type { SqlEngine } from "../engine.ts";
import { failure } from "../sql-fault.ts";
import type { SqliteReplies, SqliteRequest } from "./protocol.ts";
import { giveUp, newFate, startThread, type SqliteThread } from "./thread.ts";

export interface SqliteEngineDeps {
  readonly config: SqliteConfig;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** Until a thread that was told to give up is left behind. */
const PATIENCE = millis(500);
const MAX_LEFT = 2;

/**
 * A database in a thread of its own. Statements run one after another. One that takes too long fails and changes nothing;
 * when SQLite does not come back from it, the thread is left behind and another takes its place. While two that were left
 * behind still run there is no third: statements fail until one of them has ended.
 * @throws PetioleError ERR_PROVIDER_START when the file cannot be opened
 */
export async function openSqliteEngine({
  config,
  clock,
  log,
  metrics,
}: SqliteEngineDeps): Promise<SqlEngine & AsyncDisposable> {
  const options = {
    file: config.file,
    maxSize: config.max_size,
    sync: config.sync,
    busyTimeout: Math.min(1000, config.statement_timeout),
  };
  let thread: SqliteThread | undefined;
  let left: SqliteThread[] = [];
  let closed = false;
  let waiting = 0;
  let last: Promise<unknown> = Promise.resolve();
  metrics.observedGauge("sql_waiting", "Statements that wait for a connection or a thread.", () => waiting);
  const leftBehind = metrics.counter("sql_threads_left_total", "Threads left behind with statements that did not end.");

  const start = async (): Promise<SqliteThread> => await startThread(options, log);
  try {
    thread = await start();
  } catch (cause) {
    throw new PetioleError("ERR_PROVIDER_START", `Cannot open the database "${config.file}": ${reasonOf(cause)}`, {
      cause,
    });
  }

  async function current(): Promise<SqliteThread> {
    if (thread !== undefined && !thread.hasExited()) return thread;
    left = left.filter((one) => !one.hasExited());
    if (left.length >= MAX_LEFT) throw failure("busy", "statements that took too long still run");
    try {
      thread = await start();
    } catch (error) {
      log.error("Cannot open the database again", { file: config.file, reason: reasonOf(error) });
      throw failure("unreachable", "the database cannot be opened", error);
    }
    return thread;
  }

  function leave(one: SqliteThread): void {
    log.warn("A statement does not end: its thread is left behind", { file: config.file });
    one.end();
    leftBehind.add();
    left.push(one);
    thread = undefined;
  }

  async function ask<K extends SqliteRequest["kind"]>(
    request: Extract<SqliteRequest, { readonly kind: K }>,
  ): Promise<SqliteReplies[K]> {
    if (closed) throw failure("failed", "the provider ends");
    const one = await current();
    const fate = newFate();
    const answer = one.ask(request, fate);
    const timer = new AbortController();
    const sleep = async (time: typeof PATIENCE): Promise<"late"> => {
      await clock.sleep(time, timer.signal);
      return "late";
    };
    try {
      const late = sleep(config.statement_timeout);
      late.catch(() => {});
      const first = await Promise.race([answer, late]);
      if (first !== "late" || !giveUp(fate)) return await answer;
      const second = await Promise.race([answer.catch(() => "ended" as const), sleep(PATIENCE)]);
      if (second === "late") leave(one);
      throw failure("timeout", "the statement took too long, and changed nothing");
    } finally {
      timer.abort();
      answer.catch(() => {});
    }
  }

  /** After those that were asked before. */
  async function inTurn<K extends SqliteRequest["kind"]>(
    request: Extract<SqliteRequest, { readonly kind: K }>,
  ): Promise<SqliteReplies[K]> {
    if (waiting > config.queue) throw failure("busy", "too many statements wait for the database");
    waiting += 1;
    const turn = last.then(
      async () => await ask(request),
      async () => await ask(request),
    );
    last = turn;
    try {
      return await turn;
    } finally {
      waiting -= 1;
    }
  }

  return {
    query: async (sql, params, limits) => await inTurn<"query">({ kind: "query", sql, params, limits }),
    execute: async (sql, params) => await inTurn<"execute">({ kind: "execute", sql, params }),
    batch: async (sql) => await inTurn<"batch">({ kind: "batch", sql }),
    prepare: async (sql) => await inTurn<"prepare">({ kind: "prepare", sql }),
    async [Symbol.asyncDispose]() {
      if (closed) return;
      await last.catch(() => {});
      closed = true;
      const open = thread;
      if (open === undefined || open.hasExited()) return;
      await open.ask({ kind: "close" }, newFate()).catch(() => {});
      await open.exited;
    },
  };
}
