import { execFileSync } from "node:child_process";
import { mkdir, readdir, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "vitest";
import { readRegularFile, removeLeftovers, UnsuitableFile, writeFileAtomic } from "./files.ts";
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

describe("writeFileAtomic()", () => {
  test("replaces a file, and leaves nothing else", async ({ expect }) => {
    await using folder = await tempFolder();
    const file = join(folder.path, "file");
    await writeFile(file, "old");
    await writeFileAtomic(file, "new");
    expect(await readFile(file, "utf8")).toBe("new");
    expect(await readdir(folder.path)).toEqual(["file"]);
  });

  test("leaves nothing behind when it fails", async ({ expect }) => {
    await using folder = await tempFolder();
    const [file, taken] = [join(folder.path, "file"), join(folder.path, "taken")];
    await writeFile(file, "old");
    const full = async (): Promise<never> => await Promise.reject(new Error("disk full"));
    await expect(writeFileAtomic(file, "new", 0o600, full)).rejects.toThrow("disk full");
    await mkdir(join(taken, "inside"), { recursive: true });
    await expect(writeFileAtomic(taken, "new")).rejects.toMatchObject({ syscall: "rename" });
    expect(await readFile(file, "utf8")).toBe("old");
    expect((await readdir(folder.path)).toSorted()).toEqual(["file", "taken"]);
  });
});

test("removeLeftovers() removes what replacing this file left, and nothing else", async ({ expect }) => {
  await using folder = await tempFolder();
  const others = ["file", "file.tmp", "file.1.tmp.bak", "file.x.tmp", "other.7.tmp"];
  for (const name of [...others, "file.1.tmp", "file.4194303.tmp"]) await writeFile(join(folder.path, name), "");
  await removeLeftovers(join(folder.path, "file"));
  expect((await readdir(folder.path)).toSorted()).toEqual(others.toSorted());
});
