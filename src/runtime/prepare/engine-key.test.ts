import { readFile } from "node:fs/promises";
import { setFlagsFromString } from "node:v8";
import { describe, test } from "vitest";
import { createEngineReader, engineDifferences, engineKey, type Engine } from "./engine-key.ts";
import { TRANSPILER } from "./transpile-options.ts";

const readEngine = createEngineReader();

describe("engineKey()", () => {
  test("changes with everything that artifacts depend on", ({ expect }) => {
    const engine = readEngine();
    const others: readonly Engine[] = [
      { ...engine, node: "1" },
      { ...engine, v8: "1" },
      { ...engine, arch: "other" },
      { ...engine, cpu: "other" },
      { ...engine, flags: engine.flags ^ 1 },
      { ...engine, memoryProtection: "unknown" },
      { ...engine, linker: "other" },
      { ...engine, transpiler: "other" },
    ];
    expect(others).toHaveLength(Object.keys(engine).length);
    expect(new Set([engine, ...others].map(engineKey)).size).toBe(others.length + 1);
    expect(engineKey({ ...engine })).toBe(engineKey(engine));
  });
});

describe("createEngineReader()", () => {
  test("sees a flag that is set while the process runs", ({ expect }) => {
    const before = readEngine();
    setFlagsFromString("--no-opt");
    try {
      expect(engineDifferences(before, readEngine())).toEqual(["flags"]);
    } finally {
      setFlagsFromString("--opt");
    }
    expect(engineDifferences(before, readEngine())).toEqual([]);
  });

  test("knows how memories are protected", ({ expect }) => {
    expect(readEngine().memoryProtection).not.toBe("unknown");
  });
});

describe("TRANSPILER", () => {
  test("names the version that the project depends on", async ({ expect }) => {
    const manifest = JSON.parse(await readFile(new URL("../../../package.json", import.meta.url), "utf8")) as {
      dependencies: Record<string, string>;
    };
    const name = "@bytecodealliance/jco-transpile";
    expect(TRANSPILER).toBe(`${name} ${manifest.dependencies[name]}`);
  });
});
