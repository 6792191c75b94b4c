// Pins: a component drives a sensor over the provider for I2C, and finds it again after it lost its power.

import { afterAll, describe, test } from "vitest";
import { createI2cProvider } from "../../../providers/i2c/index.ts";
import { createSimulatedBus } from "../../../providers/i2c/simulated.ts";
import { tempFolder } from "../../support/processes.ts";
import { bindLink, startProvider } from "../../support/provider-rig.ts";
import { startExample } from "./support.ts";

const cache = await tempFolder();
afterAll(() => cache[Symbol.asyncDispose]());

const FETCH = Uint8Array.of(0xe0, 0x00);
const HALF = Uint8Array.of(0x66, 0x66, 0x93, 0x80, 0x00, 0xa2);

const firing = (count: number) => ({
  name: "hall",
  scheduledFor: { seconds: 1_700_000_000n, nanoseconds: 0 },
  synced: true,
  count: BigInt(count),
  missed: 0,
  attempt: 1,
  payload: "",
});

describe("climate", () => {
  test("reports what the sensor measured, and tells it to measure when it has nothing to say", async ({ expect }) => {
    const bus = createSimulatedBus(new Map([[0x44, { answers: new Map() }]]));
    await using rig = await startProvider((deps) => createI2cProvider(deps, () => bus), {
      bus: { backend: "simulated", devices: {} },
    });
    await using link = await bindLink(rig.provider, { config: { devices: { climate: 0x44 } } });
    await using example = await startExample("climate", {
      cacheDir: cache.path,
      serve: async (interfaceName, functionName, args) => await link.call(interfaceName, functionName, ...args),
    });
    const fire = (count: number): Promise<unknown> =>
      example.call("petiole:timer/timer-handler", "handle-timer", firing(count));
    await fire(1);
    expect(example.published).toEqual([]);
    expect(example.logged()).toEqual(["The sensor has no value (no-acknowledge: address): it is told to measure"]);
    bus.answer(0x44, FETCH, HALF);
    await fire(2);
    expect(example.published).toEqual([{ subject: "climate.hall", body: { temperature: 25, humidity: 50 } }]);
    bus.remove(0x44);
    await expect(fire(3)).rejects.toMatchObject({ payload: { tag: "reject", val: "no-acknowledge: address" } });
    bus.answer(0x44, FETCH, HALF.with(2, 0));
    await fire(4);
    bus.answer(0x44, FETCH, HALF);
    await fire(5);
    expect(example.published).toHaveLength(2);
    expect(example.logged().at(-1)).toBe("A checksum of the sensor does not fit");
  });
});
