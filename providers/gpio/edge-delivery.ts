import { isPetioleError, type Clock, type Counter, type LinkContext } from "#provider";
import type { Edge } from "./backend.ts";
import type { LinkConfig } from "./config.ts";
import { createEdgeRing, type Batch } from "./edge-ring.ts";

export const EDGE_HANDLER = "petiole:gpio/edge-handler";

/** The record `edge-event`. */
export interface EdgeEvent {
  readonly edge: Edge;
  readonly timestamp: bigint;
  readonly sequence: bigint;
}

export interface EdgeDeliveryDeps {
  readonly label: string;
  readonly link: LinkContext<LinkConfig>;
  readonly clock: Clock;
  /** The line's level now, undefined while its chip is gone. */
  readonly level: () => boolean | undefined;
  /** Counts what the queue drops. */
  readonly dropped: Counter;
}

/** Brings the edges of one line to one component. Disposing it waits for the call in flight. */
export interface EdgeDelivery extends AsyncDisposable {
  push(event: EdgeEvent, lost: number): void;
}

/**
 * One call at a time; what collects meanwhile goes into the next one. So batches grow under load, and an edge that
 * comes alone is delivered at once.
 */
export function createEdgeDelivery({ label, link, clock, level, dropped }: EdgeDeliveryDeps): EdgeDelivery {
  const { queue, overflow, max_batch, min_interval } = link.config;
  const ring = createEdgeRing<EdgeEvent>(queue, overflow, (count) => dropped.add(count));
  const stopping = new AbortController();
  let running: Promise<void> | undefined;

  const hand = async (batch: Batch<EdgeEvent>): Promise<void> => {
    try {
      const record = {
        label,
        events: batch.events,
        lost: BigInt(batch.lost),
        level: (level() ?? batch.events.at(-1)?.edge === "rising") ? "active" : "inactive",
        deliveredAt: clock.nanoseconds(),
      };
      await link.call(EDGE_HANDLER, "handle-edges", [record]);
    } catch (err) {
      link.log.error("Component failed on edges", { line: label, edges: batch.events.length, err });
      // These never came to the component. Edges that it failed on are past, and not delivered again.
      if (isPetioleError(err, "ERR_COMPONENT_BUSY") || isPetioleError(err, "ERR_COMPONENT_STOPPED")) {
        ring.restore(batch);
      }
    }
  };

  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const batch = ring.take(max_batch);
      if (batch === undefined) break;
      await hand(batch);
      try {
        // Also when nothing waits: the next edge may come at once.
        if (min_interval > 0) await clock.sleep(min_interval, stopping.signal);
      } catch {
        break;
      }
    }
    running = undefined;
    // An edge may have come between the last look and here.
    start();
  };
  const start = (): void => {
    if (running !== undefined || ring.empty || stopping.signal.aborted) return;
    // A turn later, so that edges which were read together go together.
    running = Promise.resolve().then(run);
  };

  return {
    push(event, lost) {
      ring.push(event, lost);
      start();
    },
    async [Symbol.asyncDispose]() {
      stopping.abort(new Error("the link ended"));
      await running;
    },
  };
}
