import { execFileSync } from "node:child_process";
import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "vitest";
import { readRegularFile, UnsuitableFile } from "./files.ts";
import { tempFolder } from "../../test/support/processes.ts";

describe("readRegularFile()", () => {
  test("gives a file of up to the size that is allowed, in memory of its own", async ({ expect }) => {
    await using folder = await tempFolder();
    const file = join(folder.path, "file");
    await writeFile(file, "hello", { mode: 0o600 });
    const { bytes, stats } = await readRegularFile(file, { maxSize: 5 });
    expect(Buffer.from(bytes).toString()).toBe("hello");
    expect(bytes.buffer.byteLength).toBe(5);
    expect(stats.mode & 0o777).toBe(0o600);
  });

  test("gives all of a file that is read in pieces", async ({ expect }) => {
    await using folder = await tempFolder();
    const file = join(folder.path, "file");
    const content = Buffer.alloc(4 * 1024 ** 2 + 3, "abc");
    await writeFile(file, content);
    const { bytes } = await readRegularFile(file, { maxSize: Infinity });
    expect(content.equals(bytes)).toBe(true);
  });

  test("refuses a larger file without reading it", async ({ expect }) => {
    await using folder = await tempFolder();
    const file = join(folder.path, "file");
    await writeFile(file, "");
    await truncate(file, 2 ** 40);
    await expect(readRegularFile(file, { maxSize: 4 })).rejects.toMatchObject({
      name: "UnsuitableFile",
      reason: "too-large",
      message: "it has 1099511627776 bytes, want at most 4",
    });
  });

  test("refuses a pipe without a writer, a device and a folder", async ({ expect }) => {
    await using folder = await tempFolder();
    const pipe = join(folder.path, "pipe");
    execFileSync("mkfifo", [pipe]);
    for (const path of [pipe, "/dev/zero", folder.path]) {
      const failure: unknown = await readRegularFile(path, { maxSize: 4 }).catch((error: unknown) => error);
      expect(failure, path).toBeInstanceOf(UnsuitableFile);
      expect(failure, path).toMatchObject({ reason: "not-regular" });
    }
  });

  test("stops when it is aborted", async ({ expect }) => {
    await using folder = await tempFolder();
    const file = join(folder.path, "file");
    await writeFile(file, "hello");
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(readRegularFile(file, { maxSize: 5, signal })).rejects.toThrow("enough");
  });
});
