// The forwarder with the store that agents use, against a real hub: what neither sees of the other alone.

import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, test, type ExpectStatic } from "vitest";
import { openStore, type OutboxOptions, type Store } from "../../../src/adapters/store/index.ts";
import { LANES, STORED_LANES, type Lane, type LedgerEntry, type OutboxMessage } from "../../../src/domain/outbox.ts";
import { kibibytes, mebibytes, millis, minutes } from "../../../src/domain/units.ts";
import { systemClock, type Clock } from "../../../src/lib/clock.ts";
import { silentLogger } from "../../../src/lib/log.ts";
import { laneOf as statsOf } from "../../conformance/outbox.ts";
import { DEVICE, startHubRig, type HubRig } from "../../support/hub-rig.ts";
import { testNatsBinary } from "../../support/nats.ts";
import { tempFolder } from "../../support/processes.ts";
import { skipping } from "../../support/skip.ts";
import { smallDisk } from "../../support/small-disk.ts";
import { waitFor } from "../../support/wait-for.ts";

const binary = await testNatsBinary();
const PATIENT = { standard: { commitInterval: minutes(60) } };

const openAt = (dir: string, outbox: Partial<OutboxOptions> = {}, clock: Clock = systemClock): Promise<Store> =>
  openStore({ dir, log: silentLogger, clock, outbox: { maxBytes: mebibytes(64), ...outbox } });

function message(lane: Lane, text = "reading", subject = "readings.boiler"): OutboxMessage {
  return { lane, subject, body: new TextEncoder().encode(text), headers: {} };
}

/** Publishes so many messages and returns their sequences. */
async function publish(store: Store, lane: Lane, count: number, text?: string): Promise<number[]> {
  const receipts = await Promise.all(Array.from({ length: count }, () => store.outbox.publish(message(lane, text))));
  return receipts.map(({ seq }) => seq);
}

async function drained(store: Store): Promise<void> {
  await waitFor("the outbox to drain", async () => (await store.outbox.stats()).lanes.every(({ rows }) => rows === 0));
}

/** Sequences of a lane as the hub's stream has them. */
async function sequencesAt(rig: HubRig, lane: Lane): Promise<number[]> {
  const messages = await rig.messages();
  return messages.filter(({ subject }) => subject.startsWith(`petiole.${DEVICE}.${lane}.`)).map(({ seq }) => seq);
}

/** A hub whose memory can be put back. */
interface ForgetfulHub extends AsyncDisposable {
  readonly rig: HubRig;
  /** The state of the store directory. */
  readonly state: string;
  keep(): Promise<void>;
  putBack(): Promise<void>;
}

async function startForgetfulHub(): Promise<ForgetfulHub> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await tempFolder());
  const [storeDir, copy] = [join(folder.path, "js"), join(folder.path, "copy")];
  const rig = stack.use(await startHubRig({ binary, mode: "direct", storeDir }));
  await rig.createStream();
  const kept = stack.move();
  return {
    rig,
    state: join(folder.path, "state"),
    keep: async () => {
      await rig.hub.kill("SIGTERM");
      await cp(storeDir, copy, { recursive: true });
      await rig.hub.restart();
    },
    putBack: async () => {
      await rig.hub.kill();
      await rm(storeDir, { recursive: true });
      await cp(copy, storeDir, { recursive: true });
      await rig.hub.restart();
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** Messages that are elided, as long as the hub takes them. */
async function publishElided(expect: ExpectStatic, store: Store, count: number): Promise<number[]> {
  const before = statsOf(await store.outbox.stats(), "standard").elided;
  const sequences = await publish(store, "standard", count);
  await drained(store);
  expect(statsOf(await store.outbox.stats(), "standard").elided).toBe(before + count);
  return sequences;
}

describe("createForwarder() with openStore()", () => {
  test("messages that the hub takes in time are never written", async ({ expect }) => {
    await using hub = await startForgetfulHub();
    await using store = await openAt(hub.state, { lanes: PATIENT });
    await using _forwarder = hub.rig.forwarder(store.outbox);
    const sequences = await publishElided(expect, store, 100);
    const stats = await store.outbox.stats();
    expect(stats.store.commits).toBe(0);
    expect(statsOf(stats, "standard")).toMatchObject({ accepted: 100, elided: 100, rows: 0 });
    expect(await sequencesAt(hub.rig, "standard")).toEqual(sequences);
  });

  test("sends again what the hub lost, from disk and from memory, once and in order", async ({ expect }) => {
    await using hub = await startForgetfulHub();
    const { rig } = hub;
    await using store = await openAt(hub.state, { lanes: PATIENT });
    await using _forwarder = rig.forwarder(store.outbox);
    const standard: number[] = await publish(store, "standard", 10);
    const critical: number[] = await publish(store, "critical", 5);
    await drained(store);
    await hub.keep();

    rig.link.cut();
    standard.push(...(await publish(store, "standard", 20)));
    await store.flush();
    rig.link.mend();
    await drained(store);
    standard.push(...(await publishElided(expect, store, 20)));
    critical.push(...(await publish(store, "critical", 5)));
    await drained(store);
    await hub.putBack();

    // It finds out when it comes back, or with the next message.
    standard.push(...(await publish(store, "standard", 3)));
    critical.push(...(await publish(store, "critical", 3)));
    await waitFor("all to be there again", async () => (await sequencesAt(rig, "standard")).length >= standard.length);
    await drained(store);
    expect(await sequencesAt(rig, "standard")).toEqual(standard);
    expect(await sequencesAt(rig, "critical")).toEqual(critical);
    expect(await store.outbox.ledger()).toEqual([]);
  });

  test("sends again what the hub lost also after a restart of the agent", async ({ expect }) => {
    await using hub = await startForgetfulHub();
    const { rig } = hub;
    const standard: number[] = [];
    const critical: number[] = [];
    {
      await using store = await openAt(hub.state, { lanes: PATIENT });
      await using _forwarder = rig.forwarder(store.outbox);
      standard.push(...(await publish(store, "standard", 10)));
      await drained(store);
      await hub.keep();
      rig.link.cut();
      standard.push(...(await publish(store, "standard", 20)));
      critical.push(...(await publish(store, "critical", 5)));
      rig.link.mend();
      await drained(store);
    }
    await hub.putBack();
    await using store = await openAt(hub.state, { lanes: PATIENT });
    await using _forwarder = rig.forwarder(store.outbox);
    await waitFor("all to be there again", async () => (await sequencesAt(rig, "standard")).length >= standard.length);
    await waitFor("all to be there again", async () => (await sequencesAt(rig, "critical")).length >= critical.length);
    await drained(store);
    expect(await sequencesAt(rig, "standard")).toEqual(standard);
    expect(await sequencesAt(rig, "critical")).toEqual(critical);
  });

  test("an alarm does not wait for the backlog, which keeps to its rate", async ({ expect }) => {
    await using hub = await startForgetfulHub();
    const { rig } = hub;
    let shift = 0n;
    const clock: Clock = {
      ...systemClock,
      monotonic: () => millis(systemClock.monotonic() + Number(shift / 1_000_000n)),
      boottime: () => millis(systemClock.boottime() + Number(shift / 1_000_000n)),
      nanoseconds: () => systemClock.nanoseconds() + shift,
    };
    await using store = await openAt(hub.state, {}, clock);
    const backlog = await publish(store, "standard", 100);
    await store.flush();
    // What waits is not new any more.
    shift = 60_000_000_000n;
    const drain = { messages: 25, bytes: undefined, jitter: millis(0) };
    await using _forwarder = rig.forwarder(store.outbox, { clock, drain });
    await waitFor("the backlog to begin to drain", async () => (await sequencesAt(rig, "standard")).length > 0);
    const [alarm] = await publish(store, "critical", 1);
    await waitFor("the alarm to arrive", async () => (await sequencesAt(rig, "critical")).length === 1);
    await drained(store);
    const order = (await rig.messages()).map(({ seq }) => seq);
    expect(order.filter((seq) => seq !== alarm)).toEqual(backlog);
    expect(order.indexOf(alarm ?? 0)).toBeLessThan(backlog.length - 1);
    const { state } = await rig.manager.streams.info("FLEET");
    // Four seconds' worth at the given rate, by the hub's clock.
    expect(Date.parse(state.last_ts) - Date.parse(state.first_ts)).toBeGreaterThan(2000);
  });

  test("sends nothing that was handed over while it was paused", async ({ expect }) => {
    await using hub = await startForgetfulHub();
    await using store = await openAt(hub.state);
    await using forwarder = hub.rig.forwarder(store.outbox, { window: { rows: 4, bytes: kibibytes(64) } });
    const sent = await publish(store, "standard", 300);
    await waitFor("some to be sent", async () => (await store.outbox.acknowledged("standard")).seq > 8);
    await forwarder.pause();
    await Promise.all([forwarder.pause(), forwarder.pause()]);
    const { seq } = await store.outbox.acknowledged("standard");
    const last = sent.at(-1) ?? 0;
    const { rows } = await store.outbox.handOver("export", { standard: last });
    expect(rows).toBe(sent.filter((one) => one > seq).length);
    forwarder.resume();
    const [newest] = await publish(store, "standard", 1);
    await waitFor("the newest to arrive", async () => (await store.outbox.acknowledged("standard")).seq === newest);
    expect(await sequencesAt(hub.rig, "standard")).toEqual([...sent.filter((one) => one <= seq), newest]);
  });

  test("tells the hub of each loss once, over restarts of both", async ({ expect }) => {
    await using hub = await startForgetfulHub();
    const { rig } = hub;
    // Reports are made now and then; nobody wants to wait that long.
    const clock: Clock = {
      ...systemClock,
      sleep: (duration, signal) => systemClock.sleep(millis(Math.min(duration, 50)), signal),
    };
    const reported = async (): Promise<LedgerEntry[]> =>
      (await rig.messages())
        .filter(({ subject }) => subject === `petiole.${DEVICE}.critical.outbox.ledger`)
        .flatMap(({ body }) => (JSON.parse(body) as { entries: LedgerEntry[] }).entries);
    for (let round = 1; round <= 2; round += 1) {
      await using store = await openAt(hub.state, { lanes: { ephemeral: { maxBytes: kibibytes(4) } } });
      for (let n = 0; n < 50; n += 1) await store.outbox.publish(message("ephemeral", "x".repeat(500)));
      await store.flush();
      await using _forwarder = rig.forwarder(store.outbox, { clock });
      await waitFor("all to be reported", async () => (await store.outbox.ledger()).every((entry) => entry.reported));
      await rig.hub.restart();
      await drained(store);
      // The test's own connection may take longer to come back.
      const told = await waitFor("the hub to answer", reported);
      const ledger = await store.outbox.ledger();
      expect(told.map(({ id }) => id).toSorted((a, b) => a - b)).toEqual(ledger.map(({ id }) => id));
      expect(told.reduce((sum, { count }) => sum + count, 0)).toBe(ledger.reduce((sum, { count }) => sum + count, 0));
    }
  });
});

const disk = await smallDisk();
const mayNot = skipping(disk === undefined, "the test on a medium that is read-only", "this user may not mount one");
describe.skipIf(mayNot)("openStore() on a medium that is read-only", () => {
  test("works in memory, says so, and still delivers", async ({ expect }) => {
    if (disk === undefined) return;
    await using medium = disk;
    const state = join(medium.path, "state");
    {
      await using store = await openAt(state);
      await store.outbox.publish(message("critical", "on the card"));
    }
    await medium.makeReadOnly();
    await using rig = await startHubRig({ binary, mode: "direct" });
    await rig.createStream();
    await using store = await openAt(state);
    const stats = await store.outbox.stats();
    expect(stats.store).toMatchObject({ mode: "memory", reason: expect.stringMatching(/./) });
    expect(stats.cap).toBe(mebibytes(8));
    for (const lane of LANES) {
      expect(await store.outbox.publish(message(lane))).toMatchObject({ outcome: "volatile" });
    }
    await using _forwarder = rig.forwarder(store.outbox);
    await drained(store);
    for (const lane of STORED_LANES) expect(await sequencesAt(rig, lane)).toHaveLength(1);
    expect((await rig.messages()).some(({ body }) => body === "on the card")).toBe(false);
  });
});
