import { describe, test } from "vitest";
import { bytes } from "../domain/units.ts";
import { OversizedValue, ValueMeter } from "./value-meter.ts";

const createMeter = (): ValueMeter => new ValueMeter({ memory: bytes(100), heap: bytes(1000) });

describe("ValueMeter", () => {
  test("adds up what is to fit in the memory, until it is begun anew", ({ expect }) => {
    const meter = createMeter();
    meter.measure(60, 0);
    meter.measure(40, 0);
    expect(() => meter.measure(1, 0)).toThrow(OversizedValue);
    meter.reset();
    meter.measure(100, 0);
  });

  test("leaves a worker's heap room for others", ({ expect }) => {
    const meter = createMeter();
    meter.measure(0, 250);
    expect(() => meter.measure(0, 1)).toThrow("take more than 250 bytes of the heap of its worker");
  });
});
