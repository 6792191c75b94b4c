import { describe, test } from "vitest";
import { decodeUtf8, encodeUtf8 } from "../../lib/utf8.ts";
import { smooth, type Capabilities } from "./smoother.ts";

interface Bench {
  readonly capabilities: Capabilities;
  readonly published: { subject: string; body: unknown }[];
  readonly stored: Map<string, Uint8Array>;
  readonly counters: Map<string, number>;
  readonly warnings: string[];
}

function createBench(replaced: Partial<Capabilities> = {}): Bench {
  const published: Bench["published"] = [];
  const stored: Bench["stored"] = new Map();
  const counters: Bench["counters"] = new Map();
  const warnings: string[] = [];
  const capabilities: Capabilities = {
    settings: () => ({ factor: 0.5, limit: 60, hysteresis: 5 }),
    load: (key) => stored.get(key),
    save: (key, value) => void stored.set(key, value),
    count: (counter, by) => void counters.set(counter, (counters.get(counter) ?? 0) + by),
    publish: (subject, body) => void published.push({ subject, body: JSON.parse(decodeUtf8(body) ?? "") }),
    warn: (message) => void warnings.push(message),
    ...replaced,
  };
  return { capabilities, published, stored, counters, warnings };
}

const reading = (seq: number, value: number, sensor = "boiler") => ({ reading: { sensor, seq, value } });

describe("smooth()", () => {
  test("publishes a reading with its own seq and value and the smoothed one", ({ expect }) => {
    const bench = createBench();
    smooth(reading(17, 10), bench.capabilities);
    smooth(reading(18, 20.1), bench.capabilities);
    expect(bench.published).toEqual([
      { subject: "readings.boiler", body: { sensor: "boiler", seq: 17, value: 10, smoothed: 10 } },
      { subject: "readings.boiler", body: { sensor: "boiler", seq: 18, value: 20.1, smoothed: 15.05 } },
    ]);
  });

  test("publishes one alarm when the limit is crossed", ({ expect }) => {
    const bench = createBench();
    for (const [seq, value] of [50, 90, 90].entries()) smooth(reading(seq, value), bench.capabilities);
    expect(bench.published.filter(({ subject }) => subject.startsWith("alarms."))).toEqual([
      { subject: "alarms.boiler", body: { sensor: "boiler", seq: 1, value: 90, smoothed: 70, limit: 60 } },
    ]);
  });

  test("keeps the sensors apart", ({ expect }) => {
    const bench = createBench();
    smooth(reading(1, 10, "boiler"), bench.capabilities);
    smooth(reading(1, 30, "tank"), bench.capabilities);
    expect(bench.published.map(({ body }) => body)).toMatchObject([{ smoothed: 10 }, { smoothed: 30 }]);
  });

  test("goes on from what an earlier instance stored", ({ expect }) => {
    const earlier = createBench();
    smooth(reading(1, 10), earlier.capabilities);
    const later = createBench({ load: (key) => earlier.stored.get(key) });
    smooth(reading(2, 20), later.capabilities);
    expect(later.published[0]?.body).toMatchObject({ smoothed: 15 });
  });

  test("starts anew, and says so, when what was stored is no state", ({ expect }) => {
    const bench = createBench({ load: () => encodeUtf8("{") });
    smooth(reading(1, 10), bench.capabilities);
    expect(bench.published[0]?.body).toMatchObject({ smoothed: 10 });
    expect(bench.warnings).toEqual([expect.stringContaining('"boiler" starts anew')]);
  });

  test("logs and counts a malformed reading, and publishes nothing", ({ expect }) => {
    const bench = createBench();
    smooth({ fault: "found 7, want JSON" }, bench.capabilities);
    expect(bench.counters).toEqual(new Map([["rejected", 1]]));
    expect(bench.warnings).toEqual(["A reading is rejected: found 7, want JSON"]);
    expect(bench.published).toEqual([]);
  });

  test("keeps the old state when publishing fails, so that a second delivery has the same result", ({ expect }) => {
    const bench = createBench();
    smooth(reading(1, 10), bench.capabilities);
    const full = {
      ...bench.capabilities,
      publish: () => {
        throw new Error("the outbox is full");
      },
    };
    expect(() => smooth(reading(2, 20), full)).toThrow("the outbox is full");
    smooth(reading(2, 20), bench.capabilities);
    expect(bench.published[1]?.body).toMatchObject({ seq: 2, smoothed: 15 });
  });
});
