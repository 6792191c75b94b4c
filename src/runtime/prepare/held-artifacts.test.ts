import { describe, test } from "vitest";
import type { Artifacts } from "./artifacts.ts";
import { HeldArtifacts } from "./held-artifacts.ts";

const artifacts = (size: number): Artifacts => ({
  glue: { kind: "jco", script: "" },
  modules: new Map([["m", new Uint8Array(size)]]),
});

describe("HeldArtifacts", () => {
  test("gives out once what was put", ({ expect }) => {
    const held = new HeldArtifacts(100);
    const one = artifacts(10);
    held.put("a", one);
    expect(held.has("a")).toBe(true);
    expect(held.take("a")).toBe(one);
    expect(held.take("a")).toBeUndefined();
    expect(held.has("a")).toBe(false);
  });

  test("counts the whole file of which modules are parts, once", ({ expect }) => {
    const held = new HeldArtifacts(100);
    const partsOf = (file: Uint8Array<ArrayBuffer>): Artifacts => ({
      glue: { kind: "linked", script: "" },
      modules: new Map([
        ["0", file.subarray(0, 1)],
        ["1", file.subarray(1, 2)],
      ]),
    });
    held.put("a", partsOf(new Uint8Array(60)));
    expect(held.has("a")).toBe(true);
    held.put("b", partsOf(new Uint8Array(60)));
    expect(["a", "b"].map((name) => held.has(name))).toEqual([false, true]);
  });

  test("lets go of the oldest beyond its limit", ({ expect }) => {
    const held = new HeldArtifacts(100);
    for (const name of ["a", "b", "c"]) held.put(name, artifacts(40));
    expect(["a", "b", "c"].map((name) => held.has(name))).toEqual([false, true, true]);
    held.put("b", artifacts(20));
    held.put("d", artifacts(40));
    expect(["b", "c", "d"].map((name) => held.has(name))).toEqual([true, true, true]);
    held.put("huge", artifacts(101));
    expect(["b", "c", "d", "huge"].map((name) => held.has(name))).toEqual([false, false, false, false]);
  });
});
