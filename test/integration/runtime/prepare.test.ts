// Pins: what is no runnable component is refused with a typed reason; bounds of the transpiler; what was made once is
// taken from the cache, and made again from the file when the cache has not got it. See cache-faults.test.ts.

import { execFileSync } from "node:child_process";
import { createHash, generateKeyPairSync } from "node:crypto";
import { copyFile, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, describe, test } from "vitest";
import { mebibytes, millis, seconds } from "../../../src/domain/units.ts";
import { bare, fixture, limits, openRuntime } from "./support.ts";
import { tempFolder } from "../../support/processes.ts";

const cache = await tempFolder();
afterAll(() => cache[Symbol.asyncDispose]());

const soon = (): AbortSignal => AbortSignal.timeout(60_000);
const CORE_MODULE = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
const CODE_SECTION = 10;

/** How often glue was made. */
const made = (entries: readonly { readonly message: string }[]): number =>
  entries.filter(({ message }) => message === "Component transpiled" || message === "Component linked").length;

describe("Runtime.prepare()", () => {
  test("describes the component", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    const bytes = await readFile(fixture("bare"));
    const hex = createHash("sha256").update(bytes).digest("hex");
    const { shapes, ...described } = await host.runtime.prepare(fixture("bare"), soon());
    expect(described).toEqual({
      digest: `sha256:${hex}`,
      size: bytes.byteLength,
      imports: ["wasmcloud:messaging/consumer@0.2.0"],
      exports: ["wasmcloud:messaging/handler@0.2.0"],
    });
    expect(shapes.imports.map(({ name }) => name)).toEqual(described.imports);
    expect(shapes.exports.map(({ name }) => name)).toEqual(described.exports);
    expect(shapes.exports[0]?.functions).toMatchObject([
      {
        name: "handle-message",
        type: { params: [{ name: "msg" }], result: { kind: "result", err: { kind: "string" } } },
      },
    ]);
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
    ["a component whose code is damaged", damageCode, "a core module is not valid"],
  ] as const) {
    test(`refuses ${what} with ERR_COMPONENT_INVALID`, async ({ expect }) => {
      await using folder = await tempFolder();
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

  test("waits neither for a pipe nor for a device", async ({ expect }) => {
    await using folder = await tempFolder();
    const { publicKey } = generateKeyPairSync("ed25519");
    await using host = openRuntime(folder.path, { trustedKeys: [publicKey] });
    const file = join(folder.path, "it.wasm");
    execFileSync("mkfifo", [file, `${file}.aot`]);
    for (const path of [file, "/dev/zero"]) {
      await expect(host.runtime.prepare(path, soon())).rejects.toMatchObject({ code: "ERR_COMPONENT_UNREADABLE" });
    }
    // Beside a component: what was compiled ahead of time.
    await rm(file);
    await copyFile(fixture("bare"), file);
    await host.runtime.prepare(file, soon());
    expect(host.entries.map(({ message }) => message)).toContain("Component compiled ahead of time is not taken");
  });

  test("refuses a file that is too large with ERR_COMPONENT_INVALID", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    const file = join(cache.path, "large.wasm");
    await copyFile(fixture("bare"), file);
    await truncate(file, mebibytes(64) + 1);
    await expect(host.runtime.prepare(file, soon())).rejects.toMatchObject({
      code: "ERR_COMPONENT_INVALID",
      message: expect.stringContaining("it has 67108865 bytes, want at most 67108864") as string,
    });
  });

  test("fails with ERR_COMPONENT_PREPARE when transpiling takes too much memory", async ({ expect }) => {
    await using folder = await tempFolder();
    await using host = openRuntime(folder.path, { glue: "jco", compile: { memory: mebibytes(24), time: seconds(60) } });
    await expect(host.runtime.prepare(fixture("behaviour"), soon())).rejects.toMatchObject({
      code: "ERR_COMPONENT_PREPARE",
      retryable: true,
    });
  });

  test("fails with ERR_COMPONENT_PREPARE when transpiling takes too long", async ({ expect }) => {
    await using folder = await tempFolder();
    await using host = openRuntime(folder.path, { glue: "jco", compile: { memory: mebibytes(512), time: millis(1) } });
    await expect(host.runtime.prepare(fixture("behaviour"), soon())).rejects.toMatchObject({
      code: "ERR_COMPONENT_PREPARE",
      message: expect.stringContaining("longer than 1 ms") as string,
    });
  });

  test("fails with ERR_COMPONENT_PREPARE when the transpiler cannot be started, or ends without a word", async ({
    expect,
  }) => {
    for (const transpiler of [["/nowhere/transpiler"], [process.execPath, "-e", "process.exit(3)"]] as const) {
      await using folder = await tempFolder();
      await using host = openRuntime(folder.path, { glue: "jco", transpiler });
      await expect(host.runtime.prepare(fixture("bare"), soon())).rejects.toMatchObject({
        code: "ERR_COMPONENT_PREPARE",
      });
    }
  });

  test("does the work of two at once only once", async ({ expect }) => {
    await using folder = await tempFolder();
    await using host = openRuntime(folder.path);
    const both = [fixture("bare"), fixture("bare")].map((file) => host.runtime.prepare(file, soon()));
    const [first, second] = await Promise.all(both);
    expect(first).toEqual(second);
    expect(made(host.entries)).toBe(1);
  });

  test("ends the transpiler when aborted, and starts anew afterwards", async ({ expect }) => {
    await using folder = await tempFolder();
    await using host = openRuntime(folder.path, { glue: "jco" });
    const abort = new AbortController();
    const preparing = host.runtime.prepare(fixture("behaviour"), abort.signal);
    const outcome = expect(preparing).rejects.toThrow("enough");
    setImmediate(() => abort.abort(new Error("enough")));
    await outcome;
    await host.runtime.prepare(fixture("behaviour"), soon());
    expect(made(host.entries)).toBe(1);
  });

  test("says when glue comes from the transpiler, and when from the linker", async ({ expect }) => {
    await using folder = await tempFolder();
    await using host = openRuntime(folder.path, { glue: "jco" });
    await host.runtime.prepare(fixture("bare"), soon());
    expect(host.entries.map(({ message }) => message)).toContain("Component transpiled");
    await using component = await host.start("bare");
    await bare(component, "ok");
  });
});

describe("Runtime.start()", () => {
  test("knows what a component from the cache imports and exports", async ({ expect }) => {
    await using folder = await tempFolder();
    await using first = openRuntime(folder.path);
    const prepared = await first.runtime.prepare(fixture("behaviour"), soon());
    await (await first.startPrepared(prepared))[Symbol.asyncDispose]();
    await first[Symbol.asyncDispose]();
    await using second = openRuntime(folder.path);
    expect(await second.runtime.prepare(fixture("behaviour"), soon())).toEqual(prepared);
    expect(made(second.entries)).toBe(0);
  });

  test("takes other limits than those in the cache", async ({ expect }) => {
    await using folder = await tempFolder();
    await startOnce(folder.path);
    await using host = openRuntime(folder.path);
    await using component = await host.start("bare", { limits: limits({ memory: mebibytes(8) }) });
    await bare(component, "ok");
    expect(made(host.entries)).toBe(1);
  });

  test("takes what was started before from the cache", async ({ expect }) => {
    await using folder = await tempFolder();
    for (const expected of [1, 0, 0]) {
      await using host = openRuntime(folder.path);
      await using component = await host.start("bare");
      await bare(component, "ok");
      expect(made(host.entries)).toBe(expected);
    }
  });

  test("needs the cache no more once it runs", async ({ expect }) => {
    await using folder = await tempFolder();
    await startOnce(folder.path);
    await using host = openRuntime(folder.path);
    await using component = await host.start("bare");
    await rm(join(folder.path, "components"), { recursive: true });
    await bare(component, "trap").catch(() => {});
    await bare(component, "ok");
    expect(component.stats()).toMatchObject({ restarts: 1, failures: 1 });
  });

  test("makes everything again when the cache was lost meanwhile", async ({ expect }) => {
    await using folder = await tempFolder();
    await startOnce(folder.path);
    await using host = openRuntime(folder.path);
    const prepared = await host.runtime.prepare(fixture("bare"), soon());
    await (await host.startPrepared(prepared))[Symbol.asyncDispose]();
    expect(made(host.entries)).toBe(0);
    await rm(join(folder.path, "components"), { recursive: true });
    await using component = await host.startPrepared(prepared);
    await bare(component, "ok");
    expect(made(host.entries)).toBe(1);
  });

  test("refuses to start what the file no longer holds, once the cache is lost", async ({ expect }) => {
    await using folder = await tempFolder();
    await startOnce(folder.path);
    await using host = openRuntime(folder.path);
    const file = join(folder.path, "it.wasm");
    await copyFile(fixture("bare"), file);
    const prepared = await host.runtime.prepare(file, soon());
    await (await host.startPrepared(prepared))[Symbol.asyncDispose]();
    await copyFile(fixture("wasi"), file);
    await rm(join(folder.path, "components"), { recursive: true });
    await expect(host.startPrepared(prepared)).rejects.toMatchObject({ code: "ERR_COMPONENT_UNREADABLE" });
  });
});

/** Fills the cache: an entry is there when its runtime is gone. */
async function startOnce(cacheDir: string): Promise<void> {
  await using host = openRuntime(cacheDir);
  await using component = await host.start("bare");
  await bare(component, "ok");
}

/** The last function of the first core module does not end, which only V8 can tell. */
function damageCode(whole: Buffer): Buffer {
  const damaged = Buffer.from(whole);
  let offset = damaged.indexOf(Buffer.from(CORE_MODULE), 8) + CORE_MODULE.byteLength;
  for (;;) {
    const id = damaged[offset++];
    let size = 0;
    for (let shift = 0, more = true; more; shift += 7) {
      const byte = damaged[offset++] ?? 0;
      size |= (byte & 0x7f) << shift;
      more = byte >= 0x80;
    }
    offset += size;
    if (id === CODE_SECTION) break;
  }
  damaged[offset - 1] = 0;
  return damaged;
}
