import { execFileSync } from "node:child_process";
import { chmod, chown, lstat, readFile, readdir, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "vitest";
import { silentLogger } from "../../lib/log.ts";
import { openDeviceKey } from "./device-key.ts";
import { tempFolder } from "../../../test/support/processes.ts";

function watched() {
  const warnings: string[] = [];
  return { warnings, log: { ...silentLogger, warn: (message: string) => void warnings.push(message) } };
}

describe("openDeviceKey()", () => {
  test("makes a key that only its owner may read, and finds it again", async ({ expect }) => {
    await using folder = await tempFolder();
    const file = join(folder.path, "state/cache.key");
    const { log, warnings } = watched();
    const made = await openDeviceKey(file, log);
    expect(made.kept).toBe(true);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(made.key.export()).toEqual(await readFile(file));
    expect((await openDeviceKey(file, log)).key.equals(made.key)).toBe(true);
    expect(await readdir(join(folder.path, "state"))).toEqual(["cache.key"]);
    expect(warnings).toEqual([]);
  });

  test("gives one key to all who ask at a time", async ({ expect }) => {
    await using folder = await tempFolder();
    const file = join(folder.path, "cache.key");
    const keys = await Promise.all(Array.from({ length: 8 }, () => openDeviceKey(file, silentLogger)));
    expect(new Set(keys.map(({ key }) => key.export().toString("hex"))).size).toBe(1);
    expect(keys.every(({ kept }) => kept)).toBe(true);
  });

  for (const [what, spoil] of [
    ["too short", (file: string) => writeFile(file, "short")],
    ["too long", (file: string) => writeFile(file, Buffer.alloc(33))],
    ["readable by others", (file: string) => chmod(file, 0o644)],
    ["a pipe", (file: string) => rm(file).then(() => void execFileSync("mkfifo", [file]))],
  ] as const) {
    test(`makes a new key when the old one is ${what}`, async ({ expect }) => {
      await using folder = await tempFolder();
      const file = join(folder.path, "cache.key");
      const { key } = await openDeviceKey(file, silentLogger);
      await spoil(file);
      const { log, warnings } = watched();
      const renewed = await openDeviceKey(file, log);
      expect(warnings).toHaveLength(1);
      expect(renewed.kept).toBe(true);
      expect(renewed.key.equals(key)).toBe(false);
      expect((await openDeviceKey(file, silentLogger)).key.equals(renewed.key)).toBe(true);
    });
  }

  test("leaves alone what cannot be read, and goes on with a key of this process", async ({ expect }) => {
    await using folder = await tempFolder();
    const file = join(folder.path, "cache.key");
    await symlink("cache.key", file);
    const { log, warnings } = watched();
    expect((await openDeviceKey(file, log)).kept).toBe(false);
    expect(warnings).toHaveLength(1);
    expect((await lstat(file)).isSymbolicLink()).toBe(true);
  });

  test.skipIf(process.getuid?.() !== 0)(
    "neither takes nor replaces the key of another user (skipped unless it runs as root)",
    async ({ expect }) => {
      await using folder = await tempFolder();
      const file = join(folder.path, "cache.key");
      const { key } = await openDeviceKey(file, silentLogger);
      await chown(file, 12_345, 12_345);
      const other = await openDeviceKey(file, silentLogger);
      expect(other.kept).toBe(false);
      expect(other.key.equals(key)).toBe(false);
      expect(key.export()).toEqual(await readFile(file));
    },
  );

  test("goes on with a key of this process when none can be kept", async ({ expect }) => {
    await using folder = await tempFolder();
    await writeFile(join(folder.path, "state"), "in the way");
    const { log, warnings } = watched();
    const { key, kept } = await openDeviceKey(join(folder.path, "state/cache.key"), log);
    expect(kept).toBe(false);
    expect(key.symmetricKeySize).toBe(32);
    expect(warnings).toHaveLength(1);
  });
});
