import { describe, test } from "vitest";
import { PetioleError } from "../../domain/errors.ts";
import { faultsOf, formatFault } from "./fault.ts";

const shown = (file: string): string => file.replace("/project/", "");

describe("faultsOf()", () => {
  test("finds each line of a manifest", ({ expect }) => {
    const error = new PetioleError(
      "ERR_MANIFEST_INVALID",
      'Cannot use "/project/a.yaml": found 2 faults\n/project/a.yaml:9:11: spec: bad\n/project/a.yaml:20:13: target: worse',
    );
    expect(faultsOf(error, shown)).toEqual([
      { file: "a.yaml", line: 9, column: 11, message: "spec: bad" },
      { file: "a.yaml", line: 20, column: 13, message: "target: worse" },
    ]);
  });

  test("finds what the compiler found", ({ expect }) => {
    const text = "src/a.ts(1,39): error TS2304: Cannot find name 'b'.\n  more of it";
    expect(faultsOf(new Error(text), shown).map(formatFault)).toEqual(["src/a.ts:1:39: TS2304: Cannot find name 'b'."]);
  });

  test("finds where something was thrown", ({ expect }) => {
    const text = 'Cannot start component "a": Error: no\n    at src/a.ts:3:11\n    at load (loader.js:1:1)';
    expect(faultsOf(new Error(text), shown)).toEqual([
      { file: "src/a.ts", line: 3, column: 11, message: 'Cannot start component "a": Error: no' },
    ]);
  });

  test("tells what is in no file", ({ expect }) => {
    expect(faultsOf(new Error("no disk"), shown).map(formatFault)).toEqual(["no disk"]);
  });
});
