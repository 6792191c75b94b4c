// What a peer of another make sent (test/interop/wrpc): we read the values out of it that it meant, and would have sent the same.

import { readFileSync } from "node:fs";
import { describe, test } from "vitest";
import { functionCodecOf } from "../../../src/adapters/lattice/wrpc/compile.ts";
import { Reader } from "../../../src/adapters/lattice/wrpc/reader.ts";
import { Writer } from "../../../src/adapters/lattice/wrpc/writer.ts";
import { FUNCTIONS, LEAST, MOST, READINGS } from "../../interop/wrpc/api.ts";

interface Captured {
  readonly name: keyof typeof FUNCTIONS;
  readonly what: "params" | "results";
  readonly bytes: string;
}

const file = new URL("../../fixtures/wrpc/peer.json", import.meta.url);
const captured = JSON.parse(readFileSync(file, "utf8")) as readonly Captured[];
const FAILURE = { tag: "other", val: "on purpose" };

/** The values in the order in which they were sent. */
const SENT: readonly (readonly [name: string, what: string, value: unknown])[] = [
  ["count", "params", [LEAST]],
  ["count", "params", [MOST]],
  ["check", "params", [READINGS, undefined]],
  ["check", "params", [[], FAILURE]],
  ["count", "results", { tag: "ok", val: LEAST }],
  ["count", "results", { tag: "ok", val: MOST }],
  ["check", "results", { tag: "ok", val: READINGS }],
  ["check", "results", { tag: "err", val: FAILURE }],
];

describe("what another make of peer sent", () => {
  const plain = captured.filter(({ name }) => name !== "pass");

  test("is all there", ({ expect }) => {
    expect(plain.map(({ name, what }) => [name, what])).toEqual(SENT.map(([name, what]) => [name, what]));
  });

  test.for(SENT.map((sent, index) => [...sent, index] as const))("%s, %s", ([name, what, value, index], { expect }) => {
    const { bytes } = plain[index]!;
    const codec = functionCodecOf(FUNCTIONS[name as keyof typeof FUNCTIONS])[what === "params" ? "params" : "result"];
    const reader = new Reader(Buffer.from(bytes, "hex"), { bytes: 1e6, heap: 1e6 });
    expect(codec.read(reader)).toEqual(value);
    expect(reader.at).toBe(reader.end);
    const writer = new Writer(1e6);
    writer.begin();
    codec.write(writer, value);
    expect(Buffer.from(writer.take()).toString("hex")).toBe(bytes);
  });
});
