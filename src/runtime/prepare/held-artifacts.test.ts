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
