import { describe, test } from "vitest";
import { parseCall } from "./call-line.ts";

describe("parseCall()", () => {
  test.for([
    ["call a:b/c#d-e", { interfaceName: "a:b/c", functionName: "d-e", args: [] }],
    ["call run 1", { interfaceName: "$root", functionName: "run", args: [1] }],
    ['call a:b/c#d {"x": [1, 2]} "two words" true', { args: [{ x: [1, 2] }, "two words", true] }],
    ['call a:b/c#d "12n" {"bytes": "hi"}', { args: [12n, Uint8Array.from([104, 105])] }],
    [String.raw`call a:b/c#d "a \" b" 2`, { args: ['a " b', 2] }],
  ] as const)("reads %s", ([line, want], { expect }) => {
    expect(parseCall(line)).toMatchObject(want);
  });

  test.for(["call", "call Upper", "call a:b/c#d {", "call a:b/c#d 1,"])("refuses %s", (line, { expect }) => {
    expect(() => parseCall(line)).toThrow(/^Cannot/);
  });
});
