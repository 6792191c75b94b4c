// Pins: the smoother takes readings from messages and from serial frames, publishes them smoothed, keeps its state
// where a restart finds it, and answers what it cannot use without failing.

import { afterAll, describe, test } from "vitest";
import { WitError } from "../../../src/domain/errors.ts";
import { tempFolder } from "../../support/processes.ts";
import { startExample, type ExampleOptions, type ExampleRig } from "./support.ts";

const cache = await tempFolder();
afterAll(() => cache[Symbol.asyncDispose]());

const start = async (options: Omit<ExampleOptions, "cacheDir"> = {}): Promise<ExampleRig> =>
  await startExample("smoother", { cacheDir: cache.path, ...options });

const HANDLER = "wasmcloud:messaging/handler";
const FRAMES = "petiole:serial/frame-handler";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const message = (text: string, subject = "sensors/boiler") => ({ subject, body: bytes(text), replyTo: undefined });
const frame = (text: string, lost = 0n) => ({
  label: "tank",
  payload: bytes(text),
  timestamp: 4_611_686_018_427_387_904n,
  sequence: 7n,
  lost,
  faults: { break: false, framing: false, parity: false, overrun: false },
});

describe("smoother", () => {
  test("publishes readings from messages and frames, and an alarm when the limit is crossed", async ({ expect }) => {
    await using rig = await start({ config: { factor: "0.5", limit: "60", hysteresis: "5" } });
    await rig.call(HANDLER, "handle-message", message('{ "sensor": "boiler", "seq": 1, "value": 50 }'));
    await rig.call(FRAMES, "handle-frame", frame("tank,17,20.5"));
    await rig.call(HANDLER, "handle-message", message('{ "sensor": "boiler", "seq": 2, "value": 90.2 }', "a.b.c"));
    expect(rig.published).toEqual([
      { subject: "readings.boiler", body: { sensor: "boiler", seq: 1, value: 50, smoothed: 50 } },
      { subject: "readings.tank", body: { sensor: "tank", seq: 17, value: 20.5, smoothed: 20.5 } },
      { subject: "readings.boiler", body: { sensor: "boiler", seq: 2, value: 90.2, smoothed: 70.1 } },
      { subject: "alarms.boiler", body: { sensor: "boiler", seq: 2, value: 90.2, smoothed: 70.1, limit: 60 } },
    ]);
  });

  test("goes on after a restart from what it stored", async ({ expect }) => {
    const config = { factor: "0.5" };
    await using before = await start({ config });
    await before.call(HANDLER, "handle-message", message('{ "sensor": "boiler", "seq": 1, "value": 10 }'));
    await using after = await start({ config, stored: before.stored });
    await after.call(HANDLER, "handle-message", message('{ "sensor": "boiler", "seq": 2, "value": 20 }'));
    expect(after.published.map(({ body }) => body)).toMatchObject([{ seq: 2, smoothed: 15 }]);
  });

  test("logs and counts what is malformed or was lost, and goes on", async ({ expect }) => {
    await using rig = await start();
    await rig.call(HANDLER, "handle-message", message("no JSON"));
    await rig.call(FRAMES, "handle-frame", frame("tank,17"));
    await rig.call(FRAMES, "handle-frame", frame("tank,18,1.5", 3n));
    await rig.call(FRAMES, "handle-presence", "tank", false);
    expect(Object.fromEntries(rig.counters)).toEqual({ "smoother/rejected": 2, "smoother/lost-frames": 3 });
    expect(rig.published.map(({ body }) => body)).toMatchObject([{ seq: 18 }]);
    expect(rig.logged()).toEqual([
      'A reading is rejected: found "no JSON", want JSON',
      'A reading is rejected: found "tank,17", want sensor,seq,value',
      'Port "tank" lost 3 frames before frame 7',
      'Port "tank" is gone',
    ]);
  });

  test("answers a message that it cannot publish or store with an err, and takes it the next time", async ({
    expect,
  }) => {
    await using rig = await start();
    const reading = message('{ "sensor": "boiler", "seq": 1, "value": 10 }');
    rig.failing.set("wasmcloud:messaging/consumer#publish", "the outbox is full");
    await expect(rig.call(HANDLER, "handle-message", reading)).rejects.toEqual(new WitError("the outbox is full"));
    await using fresh = await start();
    fresh.failing.set("wasi:keyvalue/store#open", { tag: "other", val: "disk" });
    await expect(fresh.call(HANDLER, "handle-message", reading)).rejects.toEqual(new WitError("other: disk"));
    for (const one of [rig, fresh]) {
      one.failing.clear();
      await one.call(HANDLER, "handle-message", reading);
      expect(one.published).toHaveLength(1);
    }
  });

  test("drops a frame that it cannot publish, and says so", async ({ expect }) => {
    await using rig = await start();
    rig.failing.set("wasmcloud:messaging/consumer#publish", "the outbox is full");
    await rig.call(FRAMES, "handle-frame", frame("tank,17,1.5"));
    expect(rig.logged()).toEqual(['Frame 7 of port "tank" is dropped: the outbox is full']);
  });

  test("names a configuration that it cannot use", async ({ expect }) => {
    await using rig = await start({ config: { factor: "2" } });
    const reading = message('{ "sensor": "boiler", "seq": 1, "value": 10 }');
    await expect(rig.call(HANDLER, "handle-message", reading)).rejects.toThrow(/"factor": found "2", want a number/);
  });
});
