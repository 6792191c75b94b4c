import { JetStreamApiError } from "@nats-io/jetstream";
import * as fc from "fast-check";
import { describe, test } from "vitest";
import { kibibytes, millis, minutes } from "../../domain/units.ts";
import { systemClock } from "../../lib/clock.ts";
import { silentLogger } from "../../lib/log.ts";
import { createMemoryOutbox, type MemoryOutbox } from "../../../test/support/memory-outbox.ts";
import { createModelHub, parseHeaderLines, type Fate, type ModelHub } from "../../../test/support/model-hub.ts";
import { waitFor } from "../../../test/support/wait-for.ts";
import { createDrainPace } from "./drain-pace.ts";
import { initialLaneState } from "./forwarder-state.ts";
import type { HubMessage } from "./hub-stream.ts";
import { createLaneForwarder, type LaneForwarder, type LaneForwarderDeps } from "./lane-forwarder.ts";

const ROWS = 40;
const UNLIMITED = { messages: undefined, bytes: undefined, jitter: millis(0) };

function laneForwarder(source: MemoryOutbox, extra: Partial<LaneForwarderDeps> = {}): LaneForwarder {
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
    ...extra,
  });
}

/** A hub that nothing goes wrong with, but for what `publish` does. */
function calmHub(
  publish?: (message: HubMessage, next: ModelHub["publish"]) => ReturnType<ModelHub["publish"]>,
): ModelHub {
  const hub = createModelHub({
    checksWholeLane: true,
    fate: () => "arrives",
    losesQuestion: () => false,
    arrivesLate: () => false,
  });
  if (publish === undefined) return hub;
  return { ...hub, publish: (sent) => publish(sent, (next) => hub.publish(next)) };
}

const seqOf = ({ headers }: { readonly headers: ReadonlyMap<string, string> }): number =>
  Number(headers.get("Petiole-Seq"));

const seqOfMessage = ({ headers }: HubMessage): number => seqOf({ headers: parseHeaderLines(headers) });

/** Runs until the source is drained, again after each failure: with a new forwarder when `restarts` says so. */
async function drain(source: MemoryOutbox, hub: ModelHub, restarts: () => boolean): Promise<void> {
  const last = (): number => source.rows("standard").at(-1)?.seq ?? 0;
  let stop = new AbortController();
  const watched: MemoryOutbox = {
    ...source,
    acknowledge: async (lane, seq, hubSeq) => {
      await source.acknowledge(lane, seq, hubSeq);
      if (source.acknowledgedNow(lane) >= last()) stop.abort(new Error("drained"));
    },
  };
  let forwarder = laneForwarder(watched);
  while (source.acknowledgedNow("standard") < last()) {
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

  test("sends a row that came while others could not go, without being called again", async ({ expect }) => {
    const source = createMemoryOutbox("store");
    const fates: Fate[] = ["arrives", "after-foreign", "arrives"];
    const hub = createModelHub({
      checksWholeLane,
      fate: () => {
        const fate = fates.shift();
        // The chain is broken, so this one goes alone; what lies behind it was read, and found empty, already.
        if (fate !== undefined && fates.length === 0) source.add("standard", "late");
        return fate ?? "arrives";
      },
      losesQuestion: () => false,
      arrivesLate: () => false,
    });
    source.add("standard", "first");
    source.add("standard", "second");
    await drain(source, hub, () => false);
    expect(hub.stored.map(({ subject }) => subject.split(".").at(-1))).toEqual(["first", "x", "second", "late"]);
  });
});

describe("createLaneForwarder()", () => {
  test("sends what was in flight behind a refused message before anything newer", async ({ expect }) => {
    const source = createMemoryOutbox("store");
    for (let i = 0; i < ROWS; i++) source.add("standard", `s${i % 3}`);
    const hub = calmHub((message, publish) => {
      if (seqOfMessage(message) !== 3) return publish(message);
      return Promise.reject(new JetStreamApiError({ code: 400, err_code: 10054, description: "too large" }));
    });
    await drain(source, hub, () => false);
    expect(hub.stored.map(seqOf)).toEqual(source.rows("standard").map(({ seq }) => seq));
    expect(hub.stored.map(seqOf)).not.toContain(3);
  });

  test("acknowledges what it sent again after the hub forgot messages, also when nothing newer lands", async ({
    expect,
  }) => {
    const source = createMemoryOutbox("store");
    for (let i = 0; i < 8; i++) source.add("standard", "s");
    // The newest one, with which it finds out, is refused in the end.
    let tries = 0;
    const hub = calmHub((message, publish) => {
      if (seqOfMessage(message) !== 9 || (tries += 1) === 1) return publish(message);
      return Promise.reject(new JetStreamApiError({ code: 400, err_code: 10054, description: "too large" }));
    });
    const stop = new AbortController();
    const forwarder = laneForwarder(source);
    using _wake = source.onReadable(() => forwarder.wake());
    const running = forwarder.run(hub, stop.signal, () => {}).catch(() => {});
    await waitFor("eight to be acknowledged", () => source.acknowledgedNow("standard") === 8);
    hub.forget(3);
    source.add("standard", "s");
    await waitFor("the newest to be given up", () => source.rows("standard").length === 8);
    expect(hub.stored.map(seqOf)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(source.acknowledgedNow("standard")).toBe(8);
    stop.abort(new Error("enough"));
    await running;
  });

  test("sends nothing after it said that nothing is in flight while it was paused", async ({ expect }) => {
    const source = createMemoryOutbox("store");
    source.add("standard", "s");
    const reading = Promise.withResolvers<void>();
    const reads: number[] = [];
    const slow: MemoryOutbox = {
      ...source,
      read: async (lane, after, limit) => {
        const rows = await source.read(lane, after, limit);
        reads.push(after);
        await reading.promise;
        return rows;
      },
    };
    let paused = false;
    const hub = calmHub();
    const stop = new AbortController();
    const forwarder = laneForwarder(slow, { isPaused: () => paused });
    const running = forwarder.run(hub, stop.signal, () => {}).catch(() => {});
    await waitFor("a read to be under way", () => reads.length > 0);
    paused = true;
    forwarder.wake();
    reading.resolve();
    // What was read before is handed over elsewhere meanwhile.
    await source.acknowledge("standard", 1);
    source.add("standard", "s");
    await new Promise(setImmediate);
    expect(hub.stored).toEqual([]);
    paused = false;
    forwarder.wake();
    await waitFor("the other one to be stored", () => hub.stored.length > 0);
    expect(hub.stored.map(seqOf)).toEqual([2]);
    stop.abort(new Error("enough"));
    await running;
  });
});

test("createLaneForwarder() forgets its last error once the hub answers and nothing waits", async ({ expect }) => {
  const network = { fate: (): Fate => "arrives", losesQuestion: () => false, arrivesLate: () => false };
  const hub = createModelHub({ checksWholeLane: true, ...network });
  const state = initialLaneState("standard", 8);
  state.lastError = { code: "ERR_LATTICE_UNREACHABLE", message: "the hub was away" };
  const [stop, idle] = [new AbortController(), Promise.withResolvers<void>()];
  const running = laneForwarder(createMemoryOutbox("store"), { state, onIdle: idle.resolve }).run(
    hub,
    stop.signal,
    () => {},
  );
  await idle.promise;
  stop.abort(new Error("seen"));
  await expect(running).rejects.toThrow("seen");
  expect(state.lastError).toBeUndefined();
});
