// The forwarder's promise: whatever happens to the hub, the link or the agent, the hub's stream ends up with every
// message exactly once, and in order within its lane. The stream's duplicate window is shorter than the faults.

import { describe, test, type ExpectStatic } from "vitest";
import type { Forwarder } from "../../../src/adapters/lattice/forwarder.ts";
import { LANES } from "../../../src/domain/outbox.ts";
import { kibibytes } from "../../../src/domain/units.ts";
import {
  expectedLane,
  fillOutbox,
  isDrained,
  laneOf,
  startHubRig,
  type HubRig,
  type LinkMode,
} from "../../support/hub-rig.ts";
import { createMemoryOutbox, type MemoryOutbox } from "../../support/memory-outbox.ts";
import { serverVersions } from "../../support/nats.ts";
import { waitFor } from "../../support/wait-for.ts";

const COUNT = 2_000;
/** Small enough that a fault set off by a count of messages meets some in flight. */
const WINDOW = { window: { rows: 24, bytes: kibibytes(64) } };

function stored(forwarder: Forwarder): number {
  return forwarder.state().lanes.reduce((sum, lane) => sum + lane.stored, 0);
}

async function drained(source: MemoryOutbox): Promise<void> {
  await waitFor("the outbox to drain", () => isDrained(source), 60_000);
}

async function expectExactlyOnce(expect: ExpectStatic, rig: HubRig, source: MemoryOutbox): Promise<void> {
  const messages = await rig.messages();
  for (const lane of LANES) expect(laneOf(messages, lane)).toEqual(expectedLane(source, lane));
}

const modes: LinkMode[] = ["direct", "leaf"];
const setups = (await serverVersions()).flatMap((server) => modes.map((mode) => ({ ...server, mode })));

describe.each(setups)("createForwarder() over a $mode link to nats-server $name", ({ binary, mode, skip }) => {
  const only = skip === undefined ? test : test.skip;

  only("survives a hub that is killed and started again", async ({ expect }) => {
    await using rig = await startHubRig({ binary, mode });
    await rig.createStream();
    const source = createMemoryOutbox();
    fillOutbox(source, COUNT);
    rig.link.delay(2);
    await using forwarder = rig.forwarder(source, WINDOW);
    for (const part of [1, 2]) {
      await waitFor("a part to be stored", () => stored(forwarder) > (COUNT * part) / 3);
      await rig.hub.restart();
    }
    expect(isDrained(source)).toBe(false);
    await drained(source);
    await expectExactlyOnce(expect, rig, source);
  });

  only("tells of losses as soon as the hub is reached", async ({ expect }) => {
    await using rig = await startHubRig({ binary, mode });
    await rig.createStream();
    let reports = 0;
    const source = { ...createMemoryOutbox(), reportLosses: () => void (reports += 1) };
    await using forwarder = rig.forwarder(source);
    await waitFor("the first report", () => reports > 0);
    expect(forwarder.state().stream).toBeDefined();
  });

  only("survives a hub that freezes with messages in flight", async ({ expect }) => {
    await using rig = await startHubRig({ binary, mode });
    await rig.createStream();
    const source = createMemoryOutbox();
    fillOutbox(source, COUNT);
    rig.link.delay(2);
    await using forwarder = rig.forwarder(source, WINDOW);
    await waitFor("a part to be stored", () => stored(forwarder) > COUNT / 3);
    rig.hub.freeze();
    try {
      await waitFor("a lane to notice", () => forwarder.state().lanes.some(({ lastError }) => lastError !== undefined));
    } finally {
      rig.hub.thaw();
    }
    expect(isDrained(source)).toBe(false);
    await drained(source);
    expect(forwarder.state().lanes.every(({ lastError }) => lastError === undefined)).toBe(true);
    await expectExactlyOnce(expect, rig, source);
  });

  only("survives a link that is cut in the middle of messages", async ({ expect }) => {
    await using rig = await startHubRig({ binary, mode });
    await rig.createStream();
    const source = createMemoryOutbox();
    fillOutbox(source, COUNT);
    rig.link.delay(2);
    await using forwarder = rig.forwarder(source, WINDOW);
    let cuts = 0;
    rig.link.onUpload(() => {
      if (cuts === 4 || stored(forwarder) < ((cuts + 1) * COUNT) / 6) return;
      cuts += 1;
      rig.link.cut();
      setImmediate(() => rig.link.mend());
    });
    await drained(source);
    expect(cuts).toBe(4);
    await expectExactlyOnce(expect, rig, source);
  });

  only("survives a link that stalls and comes back", async ({ expect }) => {
    await using rig = await startHubRig({ binary, mode });
    await rig.createStream();
    const source = createMemoryOutbox();
    fillOutbox(source, COUNT);
    rig.link.delay(2);
    await using forwarder = rig.forwarder(source, WINDOW);
    await waitFor("a part to be stored", () => stored(forwarder) > COUNT / 3);
    rig.link.stall();
    await waitFor("a lane to notice", () => forwarder.state().lanes.some(({ lastError }) => lastError !== undefined));
    rig.link.unstall();
    await drained(source);
    await expectExactlyOnce(expect, rig, source);
  });

  only("survives an agent that dies between the hub's answer and its own note of it", async ({ expect }) => {
    await using rig = await startHubRig({ binary, mode });
    await rig.createStream();
    const source = createMemoryOutbox();
    fillOutbox(source, COUNT);
    rig.link.delay(2);
    for (const part of [1, 2]) {
      source.loseAcknowledgements(true);
      await using forwarder = rig.forwarder(source, WINDOW);
      await waitFor("a part to be stored", () => stored(forwarder) > COUNT / 4);
      await forwarder[Symbol.asyncDispose]();
      expect(isDrained(source), `part ${part}`).toBe(false);
      source.loseAcknowledgements(false);
    }
    await using _forwarder = rig.forwarder(source, WINDOW);
    await drained(source);
    await expectExactlyOnce(expect, rig, source);
  });
});
