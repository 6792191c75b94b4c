import { describe, test } from "vitest";
import { createRandom } from "./random.ts";
import type { FileRecord } from "./records.ts";
import { createDisk, STYLES, type Disk, type FileTree, type Style } from "./replay.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (tree: FileTree, path: string): string | undefined => {
  const content = tree.files.get(path);
  return content === undefined ? undefined : new TextDecoder().decode(content);
};

const create = (path: string, inode = 1n): FileRecord => ({ kind: "create", inode, path });
const write = (offset: number, text: string, inode = 1n): FileRecord => ({
  kind: "write",
  inode,
  offset,
  data: bytes(text),
});
const sync = (inode = 1n): FileRecord => ({ kind: "sync", inode });
const syncFolder = (path = ""): FileRecord => ({ kind: "sync-folder", path });

function diskAfter(...records: readonly FileRecord[]): Disk {
  const disk = createDisk();
  for (const record of records) disk.apply(record);
  return disk;
}

const exactly = (...values: readonly (string | undefined)[]): ReadonlySet<string | undefined> => new Set(values);

/** What cuts at this moment may show, over every style and many seeds. */
function outcomes(disk: Disk, show: (tree: FileTree) => string | undefined, styles: readonly Style[] = STYLES) {
  const seen = new Set<string | undefined>();
  for (const style of styles) {
    for (let seed = 0; seed < 200; seed += 1) seen.add(show(disk.cut(style, createRandom(seed))));
  }
  return seen;
}

describe("createDisk()", () => {
  test("keeps what was flushed, under a name that was flushed, whatever else is lost", ({ expect }) => {
    const disk = diskAfter(create("a"), write(0, "first"), sync(), syncFolder());
    expect(outcomes(disk, (tree) => textOf(tree, "a"))).toEqual(exactly("first"));
    expect(disk.unsettled).toEqual({ content: 0, names: 0 });
  });

  test("loses a name that was not flushed, though the content was", ({ expect }) => {
    const disk = diskAfter(create("a"), write(0, "first"), sync());
    expect(outcomes(disk, (tree) => textOf(tree, "a"))).toEqual(exactly("first", undefined));
    expect(outcomes(disk, (tree) => textOf(tree, "a"), ["none"])).toContain(undefined);
    expect(disk.unsettled).toEqual({ content: 0, names: 1 });
  });

  test("takes a write after the flush, or keeps it, or keeps its size alone", ({ expect }) => {
    const disk = diskAfter(create("a"), write(0, "first"), sync(), syncFolder(), write(5, "+"));
    expect(outcomes(disk, (tree) => textOf(tree, "a"), ["all"])).toEqual(exactly("first+"));
    expect(outcomes(disk, (tree) => textOf(tree, "a"), ["none"])).toEqual(exactly("first"));
    expect([...outcomes(disk, (tree) => textOf(tree, "a"))]).toEqual(
      expect.arrayContaining(["first", "first+", "first\0"]),
    );
  });

  test("takes each of two writes whatever becomes of the other", ({ expect }) => {
    const disk = diskAfter(create("a"), write(0, "........"), sync(), syncFolder(), write(0, "A"), write(4, "B"));
    const seen = outcomes(disk, (tree) => textOf(tree, "a"));
    expect(seen).toEqual(exactly("........", "....B...", "A.......", "A...B..."));
    expect(outcomes(disk, (tree) => textOf(tree, "a"), ["newest"])).toEqual(exactly("....B..."));
  });

  test("tears a write at sectors of 512 bytes, and nowhere else", ({ expect }) => {
    const disk = diskAfter(create("a"), write(0, ".".repeat(1536)), sync(), syncFolder(), write(256, "x".repeat(1024)));
    const shapeOf = (text: string | undefined): string | undefined =>
      text?.replaceAll(/x+|\.+/g, (run) => `${run[0]}${run.length} `);
    const shapes = [...outcomes(disk, (tree) => shapeOf(textOf(tree, "a")))];
    // Pieces 256..512, 512..1024 and 1024..1280, each there or not.
    expect(shapes).toHaveLength(8);
    expect(shapes).toEqual(expect.arrayContaining([".1536 ", ".256 x1024 .256 ", ".256 x256 .512 x256 .256 "]));
  });

  test("shows zeros or the remains of another file where only the size arrived, but never changes what was there", ({
    expect,
  }) => {
    const disk = diskAfter(create("a"), write(0, "kept"), sync(), syncFolder(), write(4, "x".repeat(8)));
    const seen = [...outcomes(disk, (tree) => Buffer.from(tree.files.get("a") ?? []).toString("latin1"))];
    expect(seen.every((text) => text?.startsWith("kept"))).toBe(true);
    expect(seen).toContain(`kept${"\0".repeat(8)}`);
    expect(seen.length).toBeGreaterThan(4);
  });

  test("a file that was cut off is short or long until it is flushed", ({ expect }) => {
    const cutOff = [
      create("a"),
      write(0, "long"),
      sync(),
      syncFolder(),
      { kind: "truncate", inode: 1n, size: 1 },
    ] as const;
    expect(outcomes(diskAfter(...cutOff), (tree) => textOf(tree, "a"))).toEqual(exactly("l", "long"));
    expect(outcomes(diskAfter(...cutOff, sync()), (tree) => textOf(tree, "a"))).toEqual(exactly("l"));
  });

  test("keeps the first few of the names that were not flushed, in their order", ({ expect }) => {
    const disk = diskAfter(create("a", 1n), create("b", 2n), { kind: "unlink", path: "a" }, create("c", 3n));
    const seen = outcomes(disk, (tree) => [...tree.files.keys()].sort().join());
    expect(seen).toEqual(exactly("", "a", "a,b", "b", "b,c"));
  });

  test("a rename replaces the file or not; what was not flushed before it may be an empty file", ({ expect }) => {
    const old = [create("a", 1n), write(0, "old", 1n), sync(1n), syncFolder()] as const;
    const next = [create("t", 2n), write(0, "new", 2n)] as const;
    const rename = { kind: "rename", from: "t", to: "a" } as const;
    expect(outcomes(diskAfter(...old, ...next, sync(2n), rename), (tree) => textOf(tree, "a"))).toEqual(
      exactly("new", "old"),
    );
    expect([...outcomes(diskAfter(...old, ...next, rename), (tree) => textOf(tree, "a"))]).toEqual(
      expect.arrayContaining(["", "new", "old"]),
    );
    expect(outcomes(diskAfter(...old, ...next, sync(2n), rename, syncFolder()), (tree) => textOf(tree, "a"))).toEqual(
      exactly("new"),
    );
  });

  test("a flush that failed leaves its writes in doubt for good; later ones are flushed as ever", ({ expect }) => {
    const disk = diskAfter(
      create("a"),
      write(0, "....."),
      sync(),
      syncFolder(),
      write(0, "A"),
      { kind: "sync-failed", inode: 1n },
      write(2, "B"),
      sync(),
    );
    expect(outcomes(disk, (tree) => textOf(tree, "a"))).toEqual(exactly("..B..", "A.B.."));
  });

  test("a file below a folder that was not flushed is gone with it", ({ expect }) => {
    const disk = diskAfter({ kind: "mkdir", path: "d" }, create("d/a"), write(0, "x"), sync(), syncFolder("d"));
    expect(outcomes(disk, (tree) => textOf(tree, "d/a"))).toEqual(exactly(undefined, "x"));
    disk.apply(syncFolder());
    expect(outcomes(disk, (tree) => textOf(tree, "d/a"))).toEqual(exactly("x"));
  });

  test("an inode that is used again is another file; a file without a name shows nowhere", ({ expect }) => {
    const disk = diskAfter(
      create("a"),
      write(0, "old"),
      sync(),
      syncFolder(),
      { kind: "unlink", path: "a" },
      create("b"),
    );
    disk.apply(write(0, "new"));
    disk.apply(sync());
    disk.apply(syncFolder());
    const tree = disk.cut("all", createRandom(1));
    expect([...tree.files.keys()]).toEqual(["b"]);
    expect(textOf(tree, "b")).toBe("new");
  });

  test("cut() leaves the disk as it was", ({ expect }) => {
    const disk = diskAfter(create("a"), write(0, "first"));
    disk.cut("none", createRandom(1));
    disk.cut("torn", createRandom(2));
    disk.apply(sync());
    disk.apply(syncFolder());
    expect(textOf(disk.cut("none", createRandom(3)), "a")).toBe("first");
  });

  test("apply() refuses what it cannot follow", ({ expect }) => {
    expect(() => diskAfter(write(0, "x"))).toThrow(/never created/);
    expect(() => diskAfter(create("a"), { kind: "rename", from: "a", to: "d/a" })).toThrow(/another folder/);
  });
});
