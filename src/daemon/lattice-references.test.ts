import { describe, test } from "vitest";
import { componentSource, providerSource } from "./lattice-references.ts";

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

describe("providerSource()", () => {
  const types = { mqtt: 1 };
  const open = { allowed: true, folder: "/srv/p" };

  test("knows petiole's own types by both spellings, also where executables are not allowed", ({ expect }) => {
    for (const rules of [open, { allowed: false, folder: undefined }]) {
      expect(providerSource("petiole://mqtt", types, rules)).toEqual({ type: "mqtt" });
      expect(providerSource("builtin:mqtt", types, rules)).toEqual({ type: "mqtt" });
      for (const other of ["petiole://nosuch", "petiole://constructor", "petiole://mqtt/x", "builtin:executable"]) {
        expect(() => providerSource(other, types, rules)).toThrow(/there is no provider type/);
      }
      expect(() => providerSource("wasmcloud+builtin://http-server", types, rules)).toThrow(/other kinds of hosts/);
    }
  });

  test("takes files below the folder and images", ({ expect }) => {
    expect(providerSource("file:///srv/p/kv.par.gz", types, open)).toEqual({ file: "/srv/p/kv.par.gz" });
    expect(providerSource("registry.example.test/kv:1", types, open)).toEqual({ image: "registry.example.test/kv:1" });
    expect(() => providerSource("file:///bin/sh", types, open)).toThrow(/want a file below \/srv\/p/);
    expect(() => providerSource("file:///bin/sh", types, { allowed: true, folder: undefined })).toThrow(
      /executables\.folder/,
    );
  });

  test("refuses both unless the configuration allows them", ({ expect }) => {
    for (const reference of ["file:///srv/p/kv.par.gz", "registry.example.test/kv:1", "mqtt"]) {
      expect(() => providerSource(reference, types, { allowed: false, folder: "/srv/p" })).toThrow(
        /runs no executables for others unless its configuration says lattice\.executables\.from_outside: true/,
      );
    }
  });
});
