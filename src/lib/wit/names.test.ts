import { describe, test } from "vitest";
import { camelCase, parseFunctionName, pascalCase } from "./names.ts";

describe("camelCase()", () => {
  test("joins the words of a kebab-case name, acronyms too", ({ expect }) => {
    expect(["get", "get-all", "HTTP-error", "x2-y"].map(camelCase)).toEqual(["get", "getAll", "httpError", "x2Y"]);
  });
});

describe("pascalCase()", () => {
  test("begins with a capital", ({ expect }) => {
    expect(["bucket", "output-stream"].map(pascalCase)).toEqual(["Bucket", "OutputStream"]);
  });
});

describe("parseFunctionName()", () => {
  test("takes functions of resources apart", ({ expect }) => {
    expect(parseFunctionName("list-lines")).toEqual({ kind: "function", name: "list-lines" });
    expect(parseFunctionName("[method]bucket.list-keys")).toEqual({
      kind: "method",
      resource: "bucket",
      name: "list-keys",
    });
    expect(parseFunctionName("[static]bucket.make")).toEqual({ kind: "static", resource: "bucket", name: "make" });
    expect(parseFunctionName("[constructor]bucket")).toEqual({ kind: "constructor", resource: "bucket" });
  });
});
