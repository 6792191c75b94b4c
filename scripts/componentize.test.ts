import { describe, test } from "vitest";
import { nestPackage } from "./componentize.ts";

describe("nestPackage()", () => {
  test("puts braces around a package, whatever comes before it", ({ expect }) => {
    expect(nestPackage("/// Doc.\npackage a:b@1.0.0;\n\ninterface c {}\n")).toBe(
      "/// Doc.\npackage a:b@1.0.0 {\n\ninterface c {}\n\n}\n",
    );
  });

  test("refuses a text without a package", ({ expect }) => {
    expect(() => nestPackage("interface c {}")).toThrow(/found no "package name;"/);
  });
});
