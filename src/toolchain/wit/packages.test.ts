import { describe, test } from "vitest";
import { neededPackages, nestPackage, sharedPackages, worldName } from "./packages.ts";

describe("nestPackage()", () => {
  test("puts braces around a package, whatever comes before it", ({ expect }) => {
    const texts = ["/// Doc.\npackage a:b@1.0.0;\n\ninterface c {}\n"];
    expect(nestPackage({ id: "a:b@1.0.0", texts })).toBe("/// Doc.\npackage a:b@1.0.0 {\n\ninterface c {}\n\n}\n");
  });

  test("makes one of a package in several files, of which not all say their name", ({ expect }) => {
    const texts = ["interface d {}\n", "package a:b;\ninterface c {}\n", "package a:b;\ninterface e {}\n"];
    expect(nestPackage({ id: "a:b", texts })).toBe(
      "package a:b {\ninterface c {}\n\ninterface e {}\n\ninterface d {}\n\n}\n",
    );
  });
});

describe("neededPackages()", () => {
  const names = (world: string, packages: Awaited<ReturnType<typeof sharedPackages>>): readonly string[] =>
    neededPackages({ world, packages }).map(({ id }) => id);

  test("finds what a world names, and what that names", async ({ expect }) => {
    const shared = await sharedPackages();
    expect(names("world a { import wasi:blobstore/blobstore@0.2.0-draft; }", shared).toSorted()).toEqual([
      "wasi:blobstore@0.2.0-draft",
      "wasi:io@0.2.2",
    ]);
  });

  test("finds a package in its version only", async ({ expect }) => {
    expect(names("world a { import wasi:io/streams@0.2.9; }", await sharedPackages())).toEqual([]);
  });
});

test("worldName() finds the first world", ({ expect }) => {
  expect(worldName("package a:b;\n\n/// world of wonders\nworld c-d {\n}\nworld e {}\n")).toBe("c-d");
  expect(worldName("package a:b;")).toBeUndefined();
});
