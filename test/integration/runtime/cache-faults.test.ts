// Pins: whatever happened to the cache, the component starts, works, and the entry is whole again afterwards; machine
// code is never run by an engine that it was not made for.

import { execFile } from "node:child_process";
import { copyFile, mkdir, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, test, type ExpectStatic } from "vitest";
import { millis, seconds } from "../../../src/domain/units.ts";
import { silentLogger } from "../../../src/lib/log.ts";
import { openMachineCode } from "../../../src/runtime/machine-code/addon.ts";
import { decodeHeader, TRAILER_SIZE, type EntryHeader } from "../../../src/runtime/prepare/entry-format.ts";
import type { Report } from "../../support/run-component.ts";
import { smallDisk } from "../../support/small-disk.ts";
import { fixture, openRuntime, probe, type TestRuntime } from "./support.ts";
import { tempFolder } from "../../support/processes.ts";

const run = promisify(execFile);
const RUN_COMPONENT = join(import.meta.dirname, "../../support/run-component.ts");
const REWRITTEN = "Cached component rewritten with optimised code";
const DAMAGED = "Cached component is damaged and will be made again";
const WARM_UP = 300;

const withAddon = openMachineCode(silentLogger) !== undefined;
const messages = (host: TestRuntime, level: string): readonly string[] =>
  host.entries.filter((entry) => entry.level === level).map(({ message }) => message);
const made = (log: readonly string[]): boolean =>
  log.includes("Component transpiled") || log.includes("Component linked");

/** In a process of its own, with these flags of Node or V8. */
async function runProcess(cacheDir: string, flags: readonly string[] = [], warmUp = 0): Promise<Report> {
  const args = [...flags, "--no-warnings", RUN_COMPONENT, cacheDir, fixture("behaviour"), String(warmUp)];
  return JSON.parse((await run(process.execPath, args, { timeout: 100_000, killSignal: "SIGKILL" })).stdout) as Report; // Printed by that script.
}

/** Starts the component and checks that it works; what is to be written is written when it returns. */
async function runHere(cacheDir: string, expect: ExpectStatic): Promise<TestRuntime> {
  await using host = openRuntime(cacheDir);
  await using component = await host.start("behaviour");
  expect(await probe(component, "length", "hello")).toBe("5");
  return host;
}

async function onlyEntry(cacheDir: string): Promise<string> {
  const [name, ...others] = await readdir(join(cacheDir, "components"));
  if (name === undefined || others.length > 0) throw new Error("there is not just one entry");
  return join(cacheDir, "components", name);
}

const readHeader = async (file: string): Promise<EntryHeader> =>
  decodeHeader(new Uint8Array(await readFile(file)).subarray(0, -TRAILER_SIZE));

/** A cache that holds the component with its machine code, made by real calls. */
const original = await tempFolder();
afterAll(() => original[Symbol.asyncDispose]());
let whole: Buffer;
let entryFile: string;
beforeAll(async () => {
  await using host = openRuntime(original.path, {
    rewrites: { calls: WARM_UP, idle: millis(0), patience: millis(0), pause: seconds(0) },
  });
  await using component = await host.start("behaviour");
  for (let call = 0; call < WARM_UP; call++) await probe(component, "length", "hello");
  while (!messages(host, "info").includes(REWRITTEN)) await new Promise((resolve) => setTimeout(resolve, 20));
  entryFile = await onlyEntry(original.path);
  whole = await readFile(entryFile);
});

/** A cache folder of its own with that entry, and the same key. */
async function copyCache(): Promise<AsyncDisposable & { readonly path: string; readonly entry: string }> {
  const folder = await tempFolder();
  await copyFile(join(original.path, "cache.key"), join(folder.path, "cache.key"));
  await mkdir(join(folder.path, "components"));
  const entry = entryFile.replace(original.path, folder.path);
  await writeFile(entry, whole);
  return { path: folder.path, entry, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

/** A byte in the middle of every region of the entry. */
function regions(): readonly (readonly [string, number])[] {
  const header = decodeHeader(new Uint8Array(whole).subarray(0, -TRAILER_SIZE));
  const start = 16 + whole.readUInt32LE(12);
  const body = start + ((8 - (start % 8)) % 8);
  const middleOf = new Map<string, number>();
  for (const { kind, offset, size } of header.parts) middleOf.set(kind, body + offset + (size >> 1));
  return [["prefix", 4], ["header", 100], ["seal", whole.byteLength - 32], ...middleOf];
}

describe("Runtime.start() with a cache", () => {
  test("takes glue, modules and machine code from it", async ({ expect }) => {
    await using cache = await copyCache();
    const header = await readHeader(cache.entry);
    expect(header.warmUpCalls).toBeGreaterThanOrEqual(WARM_UP);
    const kinds = new Set(header.parts.map(({ kind }) => kind));
    expect(kinds.has("module") && kinds.has("glue")).toBe(true);
    expect(kinds.has("machine-code")).toBe(withAddon);
    const host = await runHere(cache.path, expect);
    expect(made(messages(host, "info"))).toBe(false);
    expect(messages(host, "warn")).toEqual([]);
    expect(await readFile(cache.entry)).toEqual(whole);
  });

  test("makes an entry again of which any region was changed", async ({ expect }) => {
    for (const [region, index] of regions()) {
      await using cache = await copyCache();
      await writeFile(cache.entry, whole.with(index, (whole[index] ?? 0) ^ 0x10));
      const host = await runHere(cache.path, expect);
      expect(messages(host, "warn"), region).toEqual([DAMAGED]);
      expect(made(messages(host, "info")), region).toBe(true);
      expect(made(messages(await runHere(cache.path, expect), "info")), region).toBe(false);
    }
  });

  test("makes an entry again that was cut off", async ({ expect }) => {
    for (const length of [0, 63, 64, 100, whole.byteLength >> 1, whole.byteLength - 65, whole.byteLength - 1]) {
      await using cache = await copyCache();
      await writeFile(cache.entry, whole.subarray(0, length));
      const host = await runHere(cache.path, expect);
      expect(messages(host, "warn"), `${length} bytes`).toEqual([DAMAGED]);
    }
    await using cache = await copyCache();
    await rm(cache.entry);
    await runHere(cache.path, expect);
    expect((await readHeader(cache.entry)).warmUpCalls).toBe(0);
  });

  test("makes everything again when the key is lost or another one", async ({ expect }) => {
    for (const spoil of [
      (file: string) => rm(file),
      (file: string) => writeFile(file, "no key"),
      (file: string) => writeFile(file, Buffer.alloc(32, 7)),
    ]) {
      await using cache = await copyCache();
      await spoil(join(cache.path, "cache.key"));
      const host = await runHere(cache.path, expect);
      expect(messages(host, "warn")).toContain(DAMAGED);
      const again = await runHere(cache.path, expect);
      expect(made(messages(again, "info"))).toBe(false);
      expect(messages(again, "warn")).toEqual([]);
    }
  });

  test("starts a component where the folder cannot be written, with one warning", async ({ expect }) => {
    await using folder = await tempFolder();
    await writeFile(join(folder.path, "components"), "in the way");
    for (let time = 0; time < 2; time++) {
      const host = await runHere(folder.path, expect);
      expect(made(messages(host, "info"))).toBe(true);
      expect(messages(host, "warn")).toHaveLength(1);
    }
  });

  test("starts a component where not even the key can be written, with one warning", async ({ expect }) => {
    await using folder = await tempFolder();
    await writeFile(join(folder.path, "file"), "in the way");
    const host = await runHere(join(folder.path, "file/cache"), expect);
    expect(messages(host, "warn")).toHaveLength(1);
  });

  test("starts a component where the disk is full, with one warning", async ({ expect, skip }) => {
    await using disk = (await smallDisk()) ?? skip("mounting a small disk needs root and mount(8)");
    for (let time = 0; time < 2; time++) {
      const host = await runHere(disk.path, expect);
      expect(messages(host, "warn")).toEqual([
        "Component cache cannot be written, components are compiled at every start",
      ]);
      expect(await readdir(join(disk.path, "components"))).toEqual([]);
    }
  });
});

describe("Runtime.start() in another process", () => {
  test("takes what an equal engine has made, and nothing of another one", async ({ expect }) => {
    await using cache = await copyCache();
    await rm(cache.entry);
    const first = await runProcess(cache.path, [], WARM_UP);
    expect(first.answer).toBe("5");
    expect(first.log).toContain(REWRITTEN);
    const warm = await readFile(await onlyEntry(cache.path));

    for (const flags of [["--disable-wasm-trap-handler"], ["--no-wasm-inlining"], ["--stack-size=800"]]) {
      expect(made((await runProcess(cache.path, flags)).log), flags.join()).toBe(true);
      expect(made((await runProcess(cache.path, flags)).log), flags.join()).toBe(false);
    }
    // Heap sizes change no code.
    expect(made((await runProcess(cache.path, ["--max-old-space-size=100"])).log)).toBe(false);
    expect((await runProcess(cache.path)).answer).toBe("5");
    expect(await readdir(join(cache.path, "components"))).toHaveLength(4);
    expect(warm.equals(await readFile(cache.entry.replace(/[^/]*$/, await warmName(cache.path))))).toBe(true);
  });

  test("does not take an entry that was put in the place of one for the other mode of memory protection", async ({
    expect,
  }) => {
    await using cache = await copyCache();
    await rm(cache.entry);
    await runProcess(cache.path, [], WARM_UP);
    const guarded = await onlyEntry(cache.path);
    const elsewhere = `${cache.path}/guarded.entry`;
    await rename(guarded, elsewhere);
    await runProcess(cache.path, ["--disable-wasm-trap-handler"]);
    const checked = await onlyEntry(cache.path);
    expect(checked).not.toBe(guarded);
    await copyFile(elsewhere, checked);
    const report = await runProcess(cache.path, ["--disable-wasm-trap-handler"]);
    expect(report.answer).toBe("5");
    expect(report.log).toContain(DAMAGED);
  });
});

/** Name of the only entry that was rewritten after a warm-up. */
async function warmName(cacheDir: string): Promise<string> {
  const folder = join(cacheDir, "components");
  for (const name of await readdir(folder)) {
    if ((await readHeader(join(folder, name))).warmUpCalls > 0) return name;
  }
  throw new Error("no entry was rewritten");
}
