import { describe, test } from "vitest";
import { report, type Capabilities } from "./climate.ts";
import { FETCH, START, crc8, decode } from "./sht3x.ts";

/** Bytes of a sensor that measured these words. */
const words = (...values: readonly number[]): Uint8Array =>
  Uint8Array.from(values.flatMap((value) => [value >> 8, value & 0xff, crc8([value >> 8, value & 0xff])]));

function capabilities(answer: () => Uint8Array): Capabilities & { readonly log: unknown[][] } {
  const log: unknown[][] = [];
  return {
    log,
    ask: (command, length) => {
      log.push(["ask", command, length]);
      return answer();
    },
    tell: (command) => void log.push(["tell", command]),
    publish: (subject, body) => void log.push(["publish", subject, new TextDecoder().decode(body)]),
    warn: (message) => void log.push(["warn", message]),
  };
}

describe("decode()", () => {
  test("follows the data sheet: its checksum's example, and both ends of the range", ({ expect }) => {
    expect(crc8([0xbe, 0xef])).toBe(0x92);
    expect(decode(words(0, 0))).toEqual({ temperature: -45, humidity: 0 });
    expect(decode(words(0xffff, 0xffff))).toEqual({ temperature: 130, humidity: 100 });
    expect(decode(words(0x6666, 0x8000))).toEqual({ temperature: 25, humidity: 50 });
  });

  test("takes no half value: wrong checksums, missing bytes", ({ expect }) => {
    for (let at = 0; at < 6; at += 1) {
      const bytes = words(0x6666, 0x8000);
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      expect(decode(bytes)).toBeUndefined();
      expect(decode(words(0x6666, 0x8000).subarray(0, at))).toBeUndefined();
    }
  });
});

describe("report()", () => {
  test("publishes what was measured", ({ expect }) => {
    const rig = capabilities(() => words(0x6666, 0x8000));
    report("hall", rig);
    expect(rig.log).toEqual([
      ["ask", FETCH, 6],
      ["publish", "climate.hall", '{"temperature":25,"humidity":50}'],
    ]);
  });

  test("tells a sensor that has nothing to say to measure", ({ expect }) => {
    const rig = capabilities(() => {
      throw Object.assign(new Error("err"), { payload: { tag: "no-acknowledge", val: "address" } });
    });
    report("hall", rig);
    expect(rig.log.at(-1)).toEqual(["tell", START]);
    expect(rig.log.flat()).toContain("The sensor has no value (no-acknowledge: address): it is told to measure");
  });

  test("publishes nothing when a checksum does not fit", ({ expect }) => {
    const rig = capabilities(() => new Uint8Array(6));
    report("hall", rig);
    expect(rig.log.map(([what]) => what)).toEqual(["ask", "warn"]);
  });
});
