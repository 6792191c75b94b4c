// Pins: what is no runnable component is refused with a typed reason; what was prepared once is taken from the cache
// as long as it is intact, and made again when it is not.

import { createHash } from "node:crypto";
import { copyFile, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, describe, test } from "vitest";
import { mebibytes, millis, seconds } from "../../../src/domain/units.ts";
import { bare, fixture, openRuntime, temporaryFolder } from "./support.ts";

const cache = await temporaryFolder();
afterAll(() => cache[Symbol.asyncDispose]());

const soon = (): AbortSignal => AbortSignal.timeout(60_000);
const CORE_MODULE = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);

const transpiled = (entries: readonly { readonly message: string }[]): number =>
  entries.filter((entry) => entry.message === "Component transpiled").length;

describe("Runtime.prepare()", () => {
  test("describes the component", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    const bytes = await readFile(fixture("bare"));
    const hex = createHash("sha256").update(bytes).digest("hex");
    expect(await host.runtime.prepare(fixture("bare"), soon())).toEqual({
      digest: `sha256:${hex}`,
      size: bytes.byteLength,
      imports: ["wasmcloud:messaging/consumer@0.2.0"],
      exports: ["wasmcloud:messaging/handler@0.2.0"],
      folder: expect.stringContaining(join(cache.path, "components", hex)) as string,
    });
  });

  test("names every import that is not built in with its version", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    const { imports } = await host.runtime.prepare(fixture("behaviour"), soon());
    const linked = imports.filter((name) => !host.runtime.builtin.has(name.replace(/@.*/, "")));
    expect(linked.toSorted()).toEqual([
      "wasi:keyvalue/atomics@0.2.0-draft",
      "wasi:keyvalue/store@0.2.0-draft",
      "wasmcloud:messaging/consumer@0.2.0",
    ]);
  });

  for (const [what, make, reason] of [
    ["text", () => Buffer.from("no component"), "is not WebAssembly"],
    ["an empty file", () => Buffer.alloc(0), "is empty"],
    ["a core module", () => CORE_MODULE, "is a core module, not a component"],
    ["a truncated component", (whole: Buffer) => whole.subarray(0, 2000), "ends at byte 2000"],
    ["a component whose code is damaged", damageCode, "Cannot transpile"],
  ] as const) {
    test(`refuses ${what} with ERR_COMPONENT_INVALID`, async ({ expect }) => {
      await using folder = await temporaryFolder();
      await using host = openRuntime(folder.path);
      const file = join(folder.path, "it.wasm");
      await writeFile(file, make(await readFile(fixture("bare"))));
      await expect(host.runtime.prepare(file, soon())).rejects.toMatchObject({
        code: "ERR_COMPONENT_INVALID",
        message: expect.stringContaining(reason) as string,
      });
      await using neighbour = await host.start("bare");
      await bare(neighbour, "ok");
    });
  }

  test("fails with ERR_COMPONENT_UNREADABLE when there is no file", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    await expect(host.runtime.prepare(join(cache.path, "absent.wasm"), soon())).rejects.toMatchObject({
      code: "ERR_COMPONENT_UNREADABLE",
    });
  });

  test("fails with ERR_COMPONENT_PREPARE when transpiling takes too much memory", async ({ expect }) => {
    await using folder = await temporaryFolder();
    await using host = openRuntime(folder.path, { compile: { memory: mebibytes(24), time: seconds(60) } });
    await expect(host.runtime.prepare(fixture("behaviour"), soon())).rejects.toMatchObject({
      code: "ERR_COMPONENT_PREPARE",
      retryable: true,
    });
    expect(await readdir(join(folder.path, "components"))).toEqual([]);
  });

  test("fails with ERR_COMPONENT_PREPARE when transpiling takes too long", async ({ expect }) => {
    await using folder = await temporaryFolder();
    await using host = openRuntime(folder.path, { compile: { memory: mebibytes(512), time: millis(1) } });
    await expect(host.runtime.prepare(fixture("behaviour"), soon())).rejects.toMatchObject({
      code: "ERR_COMPONENT_PREPARE",
      message: expect.stringContaining("longer than 1 ms") as string,
    });
  });

  test("fails with ERR_COMPONENT_PREPARE when the transpiler cannot be started, or ends without a word", async ({
    expect,
  }) => {
    for (const transpiler of [["/nowhere/transpiler"], [process.execPath, "-e", "process.exit(3)"]] as const) {
      await using folder = await temporaryFolder();
      await using host = openRuntime(folder.path, { transpiler });
      await expect(host.runtime.prepare(fixture("bare"), soon())).rejects.toMatchObject({
        code: "ERR_COMPONENT_PREPARE",
      });
    }
  });

  test("fails with ERR_COMPONENT_PREPARE when the cache cannot be written", async ({ expect }) => {
    await using folder = await temporaryFolder();
    await writeFile(join(folder.path, "components"), "in the way");
    await using host = openRuntime(folder.path);
    await expect(host.runtime.prepare(fixture("bare"), soon())).rejects.toMatchObject({
      code: "ERR_COMPONENT_PREPARE",
    });
  });

  test("does the work of two at once only once", async ({ expect }) => {
    await using folder = await temporaryFolder();
    await using host = openRuntime(folder.path);
    const both = [fixture("bare"), fixture("bare")].map((file) => host.runtime.prepare(file, soon()));
    const [first, second] = await Promise.all(both);
    expect(first).toEqual(second);
    expect(transpiled(host.entries)).toBe(1);
  });

  test("ends the transpiler when aborted, and starts anew afterwards", async ({ expect }) => {
    await using folder = await temporaryFolder();
    await using host = openRuntime(folder.path);
    const abort = new AbortController();
    const preparing = host.runtime.prepare(fixture("behaviour"), abort.signal);
    const outcome = expect(preparing).rejects.toThrow("enough");
    setImmediate(() => abort.abort(new Error("enough")));
    await outcome;
    await host.runtime.prepare(fixture("behaviour"), soon());
    expect(transpiled(host.entries)).toBe(1);
  });

  test("takes what was prepared before from the cache", async ({ expect }) => {
    await using folder = await temporaryFolder();
    {
      await using host = openRuntime(folder.path);
      await host.runtime.prepare(fixture("bare"), soon());
      expect(transpiled(host.entries)).toBe(1);
    }
    await using host = openRuntime(folder.path);
    await using component = await host.start("bare");
    await bare(component, "ok");
    expect(transpiled(host.entries)).toBe(0);
  });

  test("makes an entry again of which any byte was changed, cut off or removed", async ({ expect }) => {
    await using folder = await temporaryFolder();
    await using host = openRuntime(folder.path);
    const { folder: entry } = await host.runtime.prepare(fixture("bare"), soon());
    const files = await readdir(entry);
    expect(files).toContain("manifest.json");
    let expected = 1;
    for (const file of files) {
      for (const damage of [flipByte, cutOff, rm]) {
        await damage(join(entry, file));
        await host.runtime.prepare(fixture("bare"), soon());
        expect(transpiled(host.entries)).toBe(++expected);
      }
    }
    await using component = await host.start("bare");
    await bare(component, "ok");
  });

  test("keeps no entry of another engine", async ({ expect }) => {
    await using folder = await temporaryFolder();
    await using host = openRuntime(folder.path);
    const { folder: entry } = await host.runtime.prepare(fixture("bare"), soon());
    expect(await readdir(join(entry, ".."))).toHaveLength(1);
    await flipByte(join(entry, "manifest.json"));
    await writeFile(join(entry, "../older"), "");
    await host.runtime.prepare(fixture("bare"), soon());
    expect(await readdir(join(entry, ".."))).toHaveLength(1);
  });
});

describe("Runtime.start()", () => {
  test("makes the artifacts again when the cache was deleted", async ({ expect }) => {
    await using folder = await temporaryFolder();
    await using host = openRuntime(folder.path);
    const prepared = await host.runtime.prepare(fixture("bare"), soon());
    await rm(join(folder.path, "components"), { recursive: true });
    await using component = await host.start("bare");
    await bare(component, "ok");
    // A running component needs its entry no more.
    await rm(prepared.folder, { recursive: true });
    await bare(component, "trap").catch(() => {});
    await bare(component, "ok");
    expect(component.stats()).toMatchObject({ restarts: 1, failures: 1 });
  });

  test("refuses to start what the file no longer holds, once the cache is lost", async ({ expect }) => {
    await using folder = await temporaryFolder();
    await using host = openRuntime(folder.path);
    const file = join(folder.path, "it.wasm");
    await copyFile(fixture("bare"), file);
    const prepared = await host.runtime.prepare(file, soon());
    await copyFile(fixture("wasi"), file);
    await rm(prepared.folder, { recursive: true });
    await expect(host.startPrepared(prepared)).rejects.toMatchObject({ code: "ERR_COMPONENT_UNREADABLE" });
  });
});

async function flipByte(file: string): Promise<void> {
  const content = await readFile(file);
  const middle = content.length >> 1;
  content[middle] = (content[middle] ?? 0) ^ 1;
  await keepTimes(file, () => writeFile(file, content));
}

async function cutOff(file: string): Promise<void> {
  const content = await readFile(file);
  await keepTimes(file, () => writeFile(file, content.subarray(0, -1)));
}

/** Damage does not come with a new date. */
async function keepTimes(file: string, act: () => Promise<void>): Promise<void> {
  const { atime, mtime } = await stat(file);
  await act();
  await utimes(file, atime, mtime);
}

/** A value type that does not exist, in the type section of the first core module. */
function damageCode(whole: Buffer): Buffer {
  const damaged = Buffer.from(whole);
  const core = damaged.indexOf(Buffer.from(CORE_MODULE), 8);
  damaged[core + 8 + 4] = 0x01;
  return damaged;
}
