import { describe, test } from "vitest";
import { millis } from "../domain/units.ts";
import { encodeOrigin, headerProblem, ORIGIN_HEADER, withOrigin } from "./message-headers.ts";

const ROW = {
  seq: 7,
  bootId: "b;o=t",
  monotonic: millis(12),
  wall: millis(1_700_000_000_000),
  clock: "synced",
} as const;

describe("headerProblem()", () => {
  test.for([
    ["Unit", "°C"],
    ["x-petiole-like", ""],
    ["Origin-Petioles", "a"],
  ] as const)("lets %s through", ([name, value], { expect }) => {
    expect(headerProblem(name, value)).toBeUndefined();
  });

  test.for([
    ["", "a", /name of letters/],
    ["a b", "a", /name of letters/],
    ["a:b", "a", /name of letters/],
    ["Nats-Msg-Id", "a", /own/],
    ["petiole-seq", "a", /own/],
    [ORIGIN_HEADER, "a", /own/],
    [ORIGIN_HEADER.toUpperCase(), "a", /own/],
    ["a", "b\r\nNats-Msg-Id: 1", /one line/],
    ["a", "b\nc", /one line/],
  ] as const)("refuses %j: %j", ([name, value, reason], { expect }) => {
    expect(headerProblem(name, value)).toMatch(reason);
  });
});

test("encodeOrigin() names the row, and no value can end its field", ({ expect }) => {
  expect(encodeOrigin({ device: "gw-1", storeId: "s" }, ROW)).toBe(
    "device=gw-1;store=s;seq=7;boot=b%3Bo%3Dt;monotonic=12;wall=1700000000000",
  );
});

test("withOrigin() keeps the first origin of a message that is carried on", ({ expect }) => {
  const first = withOrigin({ a: "1" }, "first");
  expect(first).toEqual({ a: "1", [ORIGIN_HEADER]: "first" });
  expect(withOrigin(first, "second")).toEqual(first);
});
