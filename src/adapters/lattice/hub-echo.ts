import { PetioleError } from "../../domain/errors.ts";
import { millis, type Millis } from "../../domain/units.ts";
import { systemClock, type Clock } from "../../lib/clock.ts";
import type { LatticeConnection } from "./connection.ts";
import { describeNatsError, isNoResponders } from "./nats-error.ts";
import { jetStreamInfo } from "./subjects.ts";

export interface HubEchoOptions {
  readonly connection: LatticeConnection;
  /** JetStream domain of the hub. */
  readonly domain?: string | undefined;
  readonly clock?: Clock;
}

/**
 * A request that the hub itself must answer, because only it runs JetStream; returns the round trip.
 * @throws PetioleError ERR_LATTICE_UNREACHABLE with why there was no answer
 */
export function createHubEcho(options: HubEchoOptions): (timeout: Millis) => Promise<Millis> {
  const clock = options.clock ?? systemClock;
  return async (timeout) => {
    const live = options.connection.current();
    if (live === undefined) {
      const { reason } = options.connection.state();
      throw new PetioleError("ERR_LATTICE_UNREACHABLE", `the NATS server is not connected: ${reason ?? "closing"}`);
    }
    const sent = clock.monotonic();
    try {
      await live.request(jetStreamInfo(options.domain), "", { timeout });
    } catch (cause) {
      throw new PetioleError("ERR_LATTICE_UNREACHABLE", describe(cause, options.domain, timeout), { cause });
    }
    return millis(clock.monotonic() - sent);
  };
}

function describe(cause: unknown, domain: string | undefined, timeout: Millis): string {
  const where = domain === undefined ? "" : ` in the domain "${domain}"`;
  if (isNoResponders(cause)) return `no JetStream answers${where}; the hub may be away, or have none`;
  return `the hub did not answer within ${timeout} ms: ${describeNatsError(cause)}`;
}
