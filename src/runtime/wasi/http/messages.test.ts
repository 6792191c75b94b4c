import { describe, test } from "vitest";
import { NO_OUTPUT, packBytes, packOutput, unpackBytes, unpackOutput, type ExchangeOutput } from "./messages.ts";

describe("packOutput()", () => {
  test("loses nothing", ({ expect }) => {
    const outputs: readonly ExchangeOutput[] = [
      {},
      { head: { status: 204, headers: "" } },
      { chunk: Buffer.from("x"), end: { trailers: undefined } },
      { end: { trailers: "a\0b\0" }, failed: "why" },
      { credit: 5 },
      { informational: [{ status: 103, headers: "" }], head: { status: 200, headers: "a\0b\0" } },
    ];
    for (const output of outputs) expect(unpackOutput(structuredClone(packOutput(output)))).toEqual(output);
    expect(unpackOutput(NO_OUTPUT)).toEqual({});
  });
});

describe("packBytes()", () => {
  test("keeps every byte, as text or as it is", ({ expect }) => {
    for (const length of [0, 1, 256, 2048, 2049]) {
      const whole = Uint8Array.from({ length: length + 2 }, (_, index) => index);
      const bytes = whole.subarray(1, length + 1);
      expect(Buffer.from(unpackBytes(packBytes(bytes))).equals(bytes), `${length}`).toBe(true);
    }
  });
});
