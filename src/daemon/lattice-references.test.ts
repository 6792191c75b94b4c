import { describe, test } from "vitest";
import { componentSource, providerTypeOf } from "./lattice-references.ts";

describe("componentSource()", () => {
  test("finds files below the folder", ({ expect }) => {
    expect(componentSource("file:///srv/c/a.wasm", "/srv/c")).toEqual({ file: "/srv/c/a.wasm" });
    expect(componentSource("file://deep/a.wasm", "/srv/c")).toEqual({ file: "/srv/c/deep/a.wasm" });
    expect(componentSource("file://..a.wasm", "/srv/c")).toEqual({ file: "/srv/c/..a.wasm" });
  });

  test.for([
    "file:///etc/passwd",
    "file:///srv/c/../d/a.wasm",
    "file://../a.wasm",
    "file:///srv/c",
    "file:///srv/components/a.wasm",
    "file://",
    "file://..",
    "file://a\0.wasm",
    "/srv/c/a.wasm",
    "",
  ])("refuses %s", (reference, { expect }) => {
    expect(() => componentSource(reference, "/srv/c")).toThrow(/^Cannot load /);
  });

  test("takes images in their full spelling", ({ expect }) => {
    expect(componentSource("registry.example.test/a:1", undefined)).toEqual({ image: "registry.example.test/a:1" });
    expect(componentSource("oci://registry.example.test/a:1", undefined)).toEqual({
      image: "registry.example.test/a:1",
    });
  });

  test("refuses every file without a folder", ({ expect }) => {
    expect(() => componentSource("file:///a.wasm", undefined)).toThrow(/components_folder/);
  });
});

test("providerTypeOf() knows petiole's own types by both spellings", ({ expect }) => {
  const types = { mqtt: 1 };
  expect(providerTypeOf("petiole://mqtt", types)).toBe("mqtt");
  expect(providerTypeOf("builtin:mqtt", types)).toBe("mqtt");
  for (const other of [
    "mqtt",
    "petiole://nosuch",
    "petiole://constructor",
    "wasmcloud+builtin://mqtt",
    "petiole://mqtt/x",
  ]) {
    expect(providerTypeOf(other, types)).toBeUndefined();
  }
});
