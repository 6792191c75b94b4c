import { readFile } from "node:fs/promises";
import { describe, test } from "vitest";
import { currentEngine, engineKey } from "./engine-key.ts";
import { TRANSPILER } from "./transpile-options.ts";

describe("engineKey()", () => {
  test("changes with everything that artifacts depend on", ({ expect }) => {
    const engine = currentEngine();
    const others = [
      { ...engine, v8: "1" },
      { ...engine, arch: "arm64x" },
      { ...engine, transpiler: "other" },
      { ...engine, glueVersion: 0 },
      { ...engine, flags: ["--disable-wasm-trap-handler"] },
    ];
    expect(new Set([engine, ...others].map(engineKey)).size).toBe(others.length + 1);
  });

  test("does not change with the order of flags, nor with flags that make no difference", ({ expect }) => {
    const engine = currentEngine();
    const flags = ["--wasm-max-mem-pages=10", "--liftoff-only"];
    expect(engineKey({ ...engine, flags })).toBe(engineKey({ ...engine, flags: flags.toReversed() }));
    expect(engineKey({ ...engine, flags: ["--inspect=0"] })).toBe(engineKey({ ...engine, flags: [] }));
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
