// Pins: nothing comes out of the cache but what was put in for the same component, engine and limits, whatever happened
// to its files; it stays within its quota; no fault of the disk is an error.

import { execFileSync } from "node:child_process";
import { createSecretKey, randomBytes } from "node:crypto";
import { mkdir, readFile, readdir, rename, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "vitest";
import { createEntryCache } from "../../../src/runtime/prepare/entry-cache.ts";
import type { EntryContent } from "../../../src/runtime/prepare/entry-format.ts";
import { createEngineReader } from "../../../src/runtime/prepare/engine-key.ts";
import { entryName, type EntryId } from "../../../src/runtime/prepare/seal.ts";
import { smallDisk } from "../../support/small-disk.ts";
import { recordingLogger, type LogEntry } from "./support.ts";
import { tempFolder } from "../../support/processes.ts";

const KEY = createSecretKey(randomBytes(32));
const LIMITS = { maxPages: 512, maxTableEntries: 1000 };
const engine = createEngineReader()();

const id = (digit: number): EntryId => ({
  component: `sha256:${String(digit).repeat(64)}`,
  engineKey: "0123456789abcdef",
  limits: LIMITS,
});

const content = (digit: number, size = 10): EntryContent => ({
  component: id(digit).component,
  engine,
  limits: LIMITS,
  warmUpCalls: 1,
  inspection: Uint8Array.of(8),
  glue: { kind: "linked", script: "glue", codeCache: Uint8Array.of(1, 2) },
  modules: new Map([["0", { wireBytes: new Uint8Array(size), machineCode: Uint8Array.of(3) }]]),
});

function openCache(folder: string, more: { readonly quota?: number; readonly key?: typeof KEY } = {}) {
  const entries: LogEntry[] = [];
  const log = recordingLogger(entries);
  const cache = createEntryCache({ folder, key: KEY, durable: true, quota: 1e6, log, ...more });
  return { cache, warnings: () => entries.filter(({ level }) => level === "warn").map(({ message }) => message) };
}

describe("createEntryCache()", () => {
  test("gives what was stored", async ({ expect }) => {
    await using folder = await tempFolder();
    const { cache, warnings } = openCache(join(folder.path, "made/on/demand"));
    expect(await cache.load(id(1))).toBeUndefined();
    expect(await cache.find(id(1))).toEqual([]);
    expect(await cache.store(id(1), content(1))).toBe(true);
    expect(await cache.find(id(1))).toEqual([id(1)]);
    expect(await cache.find({ ...id(1), engineKey: "0123456789abcdee" })).toEqual([]);
    expect(await cache.load(id(1))).toEqual(content(1));
    expect(warnings()).toEqual([]);
  });

  test("gives nothing of an entry in which any bit was changed, and removes it", async ({ expect }) => {
    await using folder = await tempFolder();
    const { cache, warnings } = openCache(folder.path);
    await cache.store(id(1), content(1));
    const file = join(folder.path, entryName(id(1)));
    const whole = await readFile(file);
    for (let index = 0; index < whole.byteLength; index++) {
      await writeFile(file, whole.with(index, (whole[index] ?? 0) ^ (1 << (index % 8))));
      expect(await cache.load(id(1)), `byte ${index}`).toBeUndefined();
      expect(await readdir(folder.path), `byte ${index}`).toEqual([]);
    }
    expect(warnings()).toHaveLength(whole.byteLength);
    await writeFile(file, whole);
    expect(await cache.load(id(1))).toEqual(content(1));
  });

  test("gives nothing of an entry that was cut off anywhere, or has become longer", async ({ expect }) => {
    await using folder = await tempFolder();
    const { cache } = openCache(folder.path);
    await cache.store(id(1), content(1));
    const file = join(folder.path, entryName(id(1)));
    const whole = await readFile(file);
    for (let length = 0; length < whole.byteLength; length++) {
      await writeFile(file, whole.subarray(0, length));
      expect(await cache.load(id(1)), `${length} bytes`).toBeUndefined();
    }
    await writeFile(file, Buffer.concat([whole, Buffer.alloc(1)]));
    expect(await cache.load(id(1))).toBeUndefined();
  });

  test("gives nothing that was stored for another component, engine or limits", async ({ expect }) => {
    await using folder = await tempFolder();
    const { cache } = openCache(folder.path);
    const others: readonly EntryId[] = [
      id(2),
      { ...id(1), engineKey: "f".repeat(16) },
      { ...id(1), limits: { ...LIMITS, maxPages: 513 } },
      { ...id(1), limits: { ...LIMITS, maxTableEntries: 999 } },
    ];
    for (const other of others) {
      await cache.store(id(1), content(1));
      await rename(join(folder.path, entryName(id(1))), join(folder.path, entryName(other)));
      expect(await cache.load(other)).toBeUndefined();
    }
  });

  test("gives nothing that another device has sealed", async ({ expect }) => {
    await using folder = await tempFolder();
    await openCache(folder.path, { key: createSecretKey(randomBytes(32)) }).cache.store(id(1), content(1));
    const { cache, warnings } = openCache(folder.path);
    expect(await cache.load(id(1))).toBeUndefined();
    expect(warnings()).toEqual(["Cached component is damaged and will be made again"]);
  });

  test("gives nothing where there is no file, and stores an entry in its place", async ({ expect }) => {
    await using folder = await tempFolder();
    const { cache } = openCache(folder.path);
    const file = join(folder.path, entryName(id(1)));
    await mkdir(file);
    expect(await cache.load(id(1))).toBeUndefined();
    await rm(file, { recursive: true, force: true });
    await symlink("/dev/null", file);
    expect(await cache.load(id(1))).toBeUndefined();
    expect(await cache.store(id(1), content(1))).toBe(true);
    expect(await cache.load(id(1))).toEqual(content(1));
    expect((await stat("/dev/null")).isCharacterDevice()).toBe(true);
    await rm(file);
    execFileSync("mkfifo", [file]);
    expect(await cache.load(id(1))).toBeUndefined();
    expect(await readdir(folder.path)).toEqual([]);
  });

  test("keeps to its quota; what was not used for the longest time goes", async ({ expect }) => {
    await using folder = await tempFolder();
    const { cache } = openCache(folder.path, { quota: 10_000 });
    for (const digit of [1, 2]) {
      await cache.store(id(digit), content(digit, 4000));
      const at = new Date(Date.UTC(2020, 0, digit));
      await utimes(join(folder.path, entryName(id(digit))), at, at);
    }
    // It is used now.
    expect(await cache.load(id(1))).toBeDefined();
    await cache.store(id(3), content(3, 4000));
    expect(await cache.load(id(2))).toBeUndefined();
    expect((await readdir(folder.path)).toSorted()).toEqual([entryName(id(1)), entryName(id(3))]);
    // An entry in place of itself takes nobody's room.
    await cache.store(id(3), content(3, 4100));
    expect(await readdir(folder.path)).toHaveLength(2);
    expect(await cache.store(id(4), content(4, 10_000))).toBe(false);
    expect(await readdir(folder.path)).toHaveLength(2);
  });

  test("removes what was being written by a process that is gone, and leaves what is being written", async ({
    expect,
  }) => {
    await using folder = await tempFolder();
    const { cache } = openCache(folder.path);
    for (const name of [".work-old", ".work-new"]) await writeFile(join(folder.path, name), "part");
    await utimes(join(folder.path, ".work-old"), 0, 0);
    await cache.store(id(1), content(1));
    expect((await readdir(folder.path)).toSorted()).toEqual([".work-new", entryName(id(1))]);
  });

  test("counts what is being written, and removes at once what a process has left that is gone", async ({ expect }) => {
    await using folder = await tempFolder();
    const { cache } = openCache(folder.path, { quota: 10_000 });
    const process = "00000000-0000-4000-8000-000000000000";
    const [gone, elsewhere] = [`.work-2000000000-${process}-1`, ".work-new"];
    for (const name of [gone, elsewhere]) await writeFile(join(folder.path, name), Buffer.alloc(4000));
    await cache.removeLeftovers();
    expect(await readdir(folder.path)).toEqual([elsewhere]);
    await cache.store(id(1), content(1, 4000));
    await writeFile(join(folder.path, gone), Buffer.alloc(4000));
    await cache.store(id(2), content(2, 4000));
    expect((await readdir(folder.path)).toSorted()).toEqual([elsewhere, entryName(id(2))]);
  });

  test("goes on when its folder cannot be made, and says so once", async ({ expect }) => {
    await using folder = await tempFolder();
    await writeFile(join(folder.path, "cache"), "in the way");
    const { cache, warnings } = openCache(join(folder.path, "cache"));
    for (let time = 0; time < 3; time++) {
      expect(await cache.load(id(1))).toBeUndefined();
      expect(await cache.store(id(1), content(1))).toBe(false);
    }
    expect(warnings()).toHaveLength(1);
  });

  test("keeps nothing under a key that does not outlive the process", async ({ expect }) => {
    await using folder = await tempFolder();
    const log = recordingLogger([]);
    const cache = createEntryCache({ folder: folder.path, key: KEY, durable: false, quota: 1e6, log });
    expect(await cache.store(id(1), content(1))).toBe(false);
    expect(await cache.find(id(1))).toEqual([]);
    expect(await readdir(folder.path)).toEqual([]);
  });

  test("goes on when the disk is full or read-only, and leaves nothing half written", async ({ expect, skip }) => {
    await using disk = (await smallDisk()) ?? skip("mounting a small disk needs root and mount(8)");
    const folder = join(disk.path, "cache");
    const { cache, warnings } = openCache(folder, { quota: 1e9 });
    expect(await cache.store(id(1), content(1, 100_000))).toBe(true);
    expect(await cache.store(id(2), content(2, 10_000_000))).toBe(false);
    expect(warnings()).toEqual(["Component cache cannot be written, components are compiled at every start"]);
    expect(await readdir(folder)).toEqual([entryName(id(1))]);
    expect(await cache.store(id(2), content(2, 100_000))).toBe(true);
    expect(await cache.load(id(2))).toBeDefined();
    await disk.makeReadOnly();
    expect(await cache.store(id(3), content(3))).toBe(false);
    expect(await cache.load(id(1))).toEqual(content(1, 100_000));
  });
});
