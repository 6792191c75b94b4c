import { describe, test } from "vitest";
import { encodeUtf8 } from "../../lib/utf8.ts";
import { decodeState, encodeState } from "./state.ts";

describe("decodeState()", () => {
  test("reads what encodeState() wrote, to the last bit", ({ expect }) => {
    const state = { smoothed: 0.1 + 0.2, alarmed: true };
    expect(decodeState(encodeState(state))).toEqual(state);
  });

  test.for(["", "{", "null", "7", '{"smoothed":"1","alarmed":false}', '{"smoothed":1}'])(
    "refuses %j",
    (text, { expect }) => {
      expect(decodeState(encodeUtf8(text))).toBeUndefined();
    },
  );
});
