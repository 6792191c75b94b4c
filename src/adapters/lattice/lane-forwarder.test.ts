import * as fc from "fast-check";
import { describe, test } from "vitest";
import { kibibytes, millis, minutes } from "../../domain/units.ts";
import { systemClock } from "../../lib/clock.ts";
import { silentLogger } from "../../lib/log.ts";
import { createMemoryOutbox, type MemoryOutbox } from "../../../test/support/memory-outbox.ts";
import { createModelHub, type Fate, type ModelHub } from "../../../test/support/model-hub.ts";
import { createDrainPace } from "./drain-pace.ts";
import { initialLaneState } from "./forwarder-state.ts";
import { createLaneForwarder, type LaneForwarder } from "./lane-forwarder.ts";

const ROWS = 40;
const UNLIMITED = { messages: undefined, bytes: undefined, jitter: millis(0) };

function laneForwarder(source: MemoryOutbox): LaneForwarder {
  return createLaneForwarder({
    lane: "standard",
    device: "press-7",
    source,
    refuse: async ({ seq }) => source.drop(seq),
    limit: { rows: 8, bytes: kibibytes(64) },
    pace: createDrainPace({ limit: UNLIMITED, clock: systemClock }),
    isPaused: () => false,
    onIdle: () => {},
    maxPayload: undefined,
    ackTimeout: minutes(1),
    clock: systemClock,
    log: silentLogger,
    state: initialLaneState("standard", 8),
  });
}

/** Runs until the source is drained, again after each failure: with a new forwarder when `restarts` says so. */
async function drain(source: MemoryOutbox, hub: ModelHub, restarts: () => boolean): Promise<void> {
  const last = source.rows("standard").at(-1)?.seq ?? 0;
  let stop = new AbortController();
  const watched: MemoryOutbox = {
    ...source,
    acknowledge: async (lane, seq, hubSeq) => {
      await source.acknowledge(lane, seq, hubSeq);
      if (source.acknowledgedNow(lane) >= last) stop.abort(new Error("drained"));
    },
  };
  let forwarder = laneForwarder(watched);
  while (source.acknowledgedNow("standard") < last) {
    stop = new AbortController();
    await forwarder.run(hub, stop.signal, () => {}).catch(() => {});
    if (restarts()) forwarder = laneForwarder(watched);
  }
}

describe.each([
  ["the whole lane", true],
  ["one subject", false],
])("createLaneForwarder() on a hub that checks %s", (_what, checksWholeLane) => {
  test("stores every row once and in order, whatever the network does", async ({ expect }) => {
    const fate = fc.constantFrom<Fate>("arrives", "arrives", "arrives", "after-foreign", "answer-lost", "lost", "late");
    const event = fc.record({ fate, flag: fc.boolean(), rare: fc.nat(7) });
    await fc.assert(
      fc.asyncProperty(fc.array(event, { minLength: 20, maxLength: 300 }), async (events) => {
        // Each use takes the next event; when they are used up, the network is good.
        let used = 0;
        const next = (): (typeof events)[number] | undefined => events[used++];
        const hub = createModelHub({
          checksWholeLane,
          fate: () => next()?.fate ?? "arrives",
          losesQuestion: () => next()?.rare === 0,
          arrivesLate: () => next()?.flag ?? true,
        });
        const source = createMemoryOutbox("store");
        for (let i = 0; i < ROWS; i++) source.add("standard", `s${i % 3}`);
        await drain(source, hub, () => next()?.flag ?? false);
        hub.flush();
        const ours = hub.stored.filter(({ subject }) => subject.startsWith("petiole.press-7."));
        expect(ours.map(({ headers }) => Number(headers.get("Petiole-Seq")))).toEqual(
          source.rows("standard").map(({ seq }) => seq),
        );
      }),
      { numRuns: 500 },
    );
  });
});
