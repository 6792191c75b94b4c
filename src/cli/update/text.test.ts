import { describe, test } from "vitest";
import { formatUpdates } from "./text.ts";

const digest = (digit: string): string => `sha256:${digit.repeat(64)}`;

describe("formatUpdates()", () => {
  test("shows what runs, what is on trial, and what failed", ({ expect }) => {
    const error = { code: "ERR_UPDATE_FAILED", message: "4 calls failed" };
    const text = formatUpdates([
      {
        component: "a",
        running: digest("1"),
        accepted: digest("0"),
        update: { state: "trial", from: digest("0"), to: digest("1"), left: 240, reason: undefined },
        bad: [],
      },
      {
        component: "b",
        running: digest("2"),
        accepted: digest("2"),
        update: { state: "rolled-back", from: digest("2"), to: digest("3"), left: undefined, reason: error },
        bad: [{ digest: digest("3"), ...error, at: 0 }],
      },
      { component: "c", running: undefined, accepted: undefined, update: undefined, bad: [] },
    ]);
    expect(text.split("\n")).toEqual([
      "COMPONENT  RUNS                 UPDATE       TO                   LEFT   BAD",
      "a          sha256:111111111111  trial        sha256:111111111111  4 min  0",
      "b          sha256:222222222222  rolled back  sha256:333333333333  -      1",
      "c          -                    -            -                    -      0",
      "  b: ERR_UPDATE_FAILED: 4 calls failed",
      "",
      `COMPONENT  BAD VERSION${" ".repeat(62)}SINCE                     REASON`,
      `b          ${digest("3")}  1970-01-01T00:00:00.000Z  4 calls failed`,
    ]);
  });
});
