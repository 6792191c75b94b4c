import type { NatsConnection } from "@nats-io/transport-node";
import { isPetioleError, PetioleError, type ErrorCode } from "../../domain/errors.ts";
import { seconds } from "../../domain/units.ts";
import type { HubMonitor } from "../../host/ports.ts";
import { backoffDelay, type BackoffOptions } from "../../lib/backoff.ts";
import type { Clock } from "../../lib/clock.ts";
import { createGate } from "../../lib/gate.ts";
import type { Logger } from "../../lib/log.ts";
import type { LatticeConnection } from "./connection.ts";
import { describeNatsError } from "./nats-error.ts";

export interface SessionDeps {
  /** What goes on in it, such as `Fetching messages`; for the log. */
  readonly what: string;
  readonly connection: LatticeConnection;
  /** When it says `online`, a session begins anew: what was asked of the hub before an outage may be forgotten there. */
  readonly monitor?: Pick<HubMonitor, "onChange"> | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  readonly backoff?: BackoffOptions | undefined;
  /** Runs until `signal` aborts. `onProgress` says that the hub answers. */
  readonly run: (live: NatsConnection, signal: AbortSignal, onProgress: () => void) => Promise<void>;
}

/** Something that goes on with the hub whenever it can be reached, and begins anew after each failure. */
export interface Session extends AsyncDisposable {
  lastError(): { readonly code: ErrorCode; readonly message: string } | undefined;
}

const BACKOFF: BackoffOptions = { initial: seconds(1), max: seconds(60) };

export function keepSession({ what, connection, monitor, clock, log, backoff = BACKOFF, run }: SessionDeps): Session {
  const stop = new AbortController();
  const retry = createGate(clock);
  let current: AbortController | undefined;
  let lastError: { readonly code: ErrorCode; readonly message: string } | undefined;

  const again = (): void => {
    current?.abort(new Error("begins anew"));
    retry.open();
  };
  using cleanup = new DisposableStack();
  cleanup.use(connection.onChange(again));
  if (monitor !== undefined) cleanup.use(monitor.onChange(({ link }) => link === "online" && again()));
  const watching = cleanup.move();
  const running = keep();

  async function keep(): Promise<void> {
    let failures = 0;
    while (!stop.signal.aborted) {
      const live = connection.current();
      if (live === undefined) {
        await retry.wait(stop.signal).catch(() => {});
        continue;
      }
      const session = new AbortController();
      current = session;
      try {
        await run(live, AbortSignal.any([stop.signal, session.signal]), () => {
          failures = 0;
          lastError = undefined;
        });
      } catch (error) {
        if (stop.signal.aborted) return;
        if (session.signal.aborted) continue;
        report(error);
        await retry.wait(stop.signal, backoffDelay(failures, backoff)).catch(() => {});
        failures += 1;
      }
    }
  }

  function report(error: unknown): void {
    const failure = isPetioleError(error)
      ? error
      : new PetioleError("ERR_LATTICE_UNREACHABLE", `${what} failed: ${describeNatsError(error)}`, { cause: error });
    const known = lastError;
    lastError = { code: failure.code, message: failure.message };
    // A hub that is away for days must not fill the log: only what is new is said aloud.
    if (known?.message === failure.message) log.debug(`${what} stopped again`, { err: failure });
    else log.warn(`${what} stopped, will try again`, { err: failure });
  }

  return {
    lastError: () => lastError,
    async [Symbol.asyncDispose]() {
      watching.dispose();
      stop.abort(new Error("stopped"));
      await running;
    },
  };
}
