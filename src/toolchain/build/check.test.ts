import { describe, test } from "vitest";
import { explainReport } from "./check.ts";

describe("explainReport()", () => {
  const project = {
    folder: "/p",
    types: "/p/build/types",
    world: "demo",
    entry: "/p/src/index.ts",
    wit: "/p/wit",
  };

  test("says what the world lacks in words of the project", ({ expect }) => {
    const report =
      "build/types/demo.check.ts(3,7): error TS2741: Property 'handler' is missing in type " +
      `'typeof import("/p/src/index")' but required in type 'typeof import("demo:demo/demo@0.1.0")'.`;
    expect(explainReport(report, project)).toBe(
      'src/index.ts: its exports are not those of the world "demo" in wit/world.wit: ' +
        "Property 'handler' is missing in type src/index.ts but required in type the world.",
    );
  });

  test("leaves faults of the sources as they are", ({ expect }) => {
    const report = "src/index.ts(1,2): error TS1005: ';' expected.\n  because of this";
    expect(explainReport(report, project)).toBe(report);
  });
});
