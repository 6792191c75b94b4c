import { describe, test } from "vitest";
import { parseWarmUp } from "./warm-up.ts";

describe("parseWarmUp()", () => {
  test("reads calls with their arguments and the answers of their imports", ({ expect }) => {
    const text = `
      {"interface": "a:b/c", "function": "f", "args": [1, null, {"$bytes": "aGk="}, {"n": {"$bigint": "-7"}}, [true]],
    `.replaceAll("\n", " ");
    const line = `${text} "imports": [{"value": "v"}, {"err": {"$bytes": ""}}]}`;
    expect(parseWarmUp(`\n${line}\n{"interface":"i","function":"g"}\n`, "calls.jsonl")).toEqual([
      {
        interfaceName: "a:b/c",
        functionName: "f",
        args: [1, undefined, Uint8Array.of(0x68, 0x69), { n: -7n }, [true]],
        imports: [{ value: "v" }, { err: new Uint8Array() }],
      },
      { interfaceName: "i", functionName: "g", args: [], imports: [] },
    ]);
  });

  for (const [what, line] of [
    ["no JSON", "{"],
    ["no object", "7"],
    ["a call without a function", `{"interface":"i"}`],
    ["arguments that are no list", `{"interface":"i","function":"f","args":{}}`],
    ["an answer without a value", `{"interface":"i","function":"f","imports":[{}]}`],
    ["bytes that are not base64", `{"interface":"i","function":"f","args":[{"$bytes":"?"}]}`],
  ] as const) {
    test(`refuses ${what}, and names the line`, ({ expect }) => {
      expect(() => parseWarmUp(`\n${line}`, "calls.jsonl")).toThrow(
        expect.objectContaining({
          code: "ERR_CONFIG_INVALID",
          message: expect.stringContaining('Cannot read "calls.jsonl", line 2: ') as string,
        }),
      );
    });
  }
});
