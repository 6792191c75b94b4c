import { LANES, type Lane } from "../domain/outbox.ts";
import type { ForwarderState, LaneRates } from "../domain/outbox-report.ts";
import type { OutboxSource } from "../host/ports.ts";
import type { Clock } from "../lib/clock.ts";
import { createRateMeter, type RateMeter } from "../lib/rate-meter.ts";
import type { Outbox } from "../provider/services.ts";

/** Counts what goes into the outbox and what the hub takes out of it. */
export interface OutboxMeters {
  /** The outbox as publishers are to use it. */
  readonly outbox: Outbox;
  /** The outbox as the forwarder is to use it. */
  readonly source: OutboxSource;
  /** Who knows what the hub has taken. */
  watch(forwarder: () => ForwarderState): void;
  rates(): readonly LaneRates[];
  /** Messages of `lane` accepted since the start. */
  readonly accepted: (lane: Lane) => number;
}

interface LaneMeter {
  accepted: number;
  delivered: number;
  readonly acceptedRate: RateMeter;
  readonly deliveredRate: RateMeter;
}

export function createOutboxMeters(outbox: Outbox & OutboxSource, clock: Clock): OutboxMeters {
  const start = clock.monotonic();
  const meters = new Map(
    LANES.map((lane): [Lane, LaneMeter] => {
      const [acceptedRate, deliveredRate] = [createRateMeter(start), createRateMeter(start)];
      return [lane, { accepted: 0, delivered: 0, acceptedRate, deliveredRate }];
    }),
  );
  let forwarder: () => ForwarderState = () => ({ stream: undefined, lanes: [] });

  // Looked at whenever the hub has acknowledged something and when somebody asks, not by a timer: a device at rest is
  // not woken for its statistics.
  const sample = (): void => {
    for (const { lane, stored } of forwarder().lanes) {
      const meter = meters.get(lane);
      if (meter === undefined || stored <= meter.delivered) continue;
      meter.deliveredRate.add(stored - meter.delivered, clock.monotonic());
      meter.delivered = stored;
    }
  };

  return {
    outbox: {
      publish: async (message) => {
        const receipt = await outbox.publish(message);
        const meter = meters.get(message.lane);
        if (meter !== undefined) {
          meter.accepted += 1;
          meter.acceptedRate.add(1, clock.monotonic());
        }
        return receipt;
      },
      stats: () => outbox.stats(),
      ledger: () => outbox.ledger(),
    },
    source: {
      ...outbox,
      acknowledge: (...args) => {
        sample();
        return outbox.acknowledge(...args);
      },
    },
    watch: (state) => {
      forwarder = state;
    },
    rates: () => {
      sample();
      const now = clock.monotonic();
      return [...meters].map(([lane, { acceptedRate, deliveredRate }]) => ({
        lane,
        accepted: acceptedRate.perSecond(now),
        delivered: deliveredRate.perSecond(now),
      }));
    },
    accepted: (lane) => meters.get(lane)?.accepted ?? 0,
  };
}
