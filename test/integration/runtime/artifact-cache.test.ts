// Pins: the cache holds a bounded number of components, and what an interrupted build left behind is cleaned up.

import { mkdir, readdir, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "vitest";
import { silentLogger } from "../../../src/lib/log.ts";
import { createArtifactCache } from "../../../src/runtime/prepare/artifact-cache.ts";
import { temporaryFolder } from "./support.ts";

const digest = (digit: number): string => `sha256:${String(digit).repeat(64)}`;

async function make(folder: string): Promise<readonly string[]> {
  await writeFile(join(folder, "component.js"), "glue");
  await writeFile(join(folder, "component.core.wasm"), "module");
  return ["component.js", "component.core.wasm"];
}

describe("createArtifactCache()", () => {
  test("keeps the components used last", async ({ expect }) => {
    await using folder = await temporaryFolder();
    const cache = createArtifactCache({ folder: folder.path, engineKey: "key", log: silentLogger, maxComponents: 2 });
    for (const [index, one] of [1, 2].map(digest).entries()) {
      await cache.store(one, make);
      const at = new Date(Date.UTC(2020, 0, 1 + index));
      await utimes(join(cache.entry(one), ".."), at, at);
    }
    expect((await cache.load(digest(1)))?.glue).toBe("glue");
    await cache.store(digest(3), make);
    expect(await cache.load(digest(2))).toBeUndefined();
    expect([...((await cache.load(digest(1)))?.modules.keys() ?? [])]).toEqual(["component.core.wasm"]);
    expect(await readdir(folder.path)).toHaveLength(2);
  });

  test("removes what a build left that never ended, and leaves those that run", async ({ expect }) => {
    await using folder = await temporaryFolder();
    const cache = createArtifactCache({ folder: folder.path, engineKey: "key", log: silentLogger, maxComponents: 9 });
    await mkdir(join(folder.path, ".work-old"));
    await mkdir(join(folder.path, ".work-new"));
    await utimes(join(folder.path, ".work-old"), 0, 0);
    await cache.store(digest(1), make);
    expect((await readdir(folder.path)).toSorted()).toEqual([".work-new", "1".repeat(64)]);
  });

  test("leaves nothing when making fails", async ({ expect }) => {
    await using folder = await temporaryFolder();
    const cache = createArtifactCache({ folder: folder.path, engineKey: "key", log: silentLogger, maxComponents: 9 });
    await expect(cache.store(digest(1), () => Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(await readdir(folder.path)).toEqual([]);
    expect(await cache.load(digest(1))).toBeUndefined();
  });
});
