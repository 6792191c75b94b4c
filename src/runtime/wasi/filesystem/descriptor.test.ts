import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, test } from "vitest";
import { InputStream, MAX_READ, OutputStream } from "../streams.ts";
import { filesystemErrorCode } from "./errors.ts";
import { fileSink, MAX_WRITE } from "./file-streams.ts";
import { createFilesystem } from "./index.ts";
import { MAX_OPEN_FILES } from "./open-files.ts";
import {
  contents,
  FOLLOW,
  makeFolder,
  openGuest,
  READ_WRITE,
  suspend,
  text,
  value,
} from "../../../../test/support/guest-files.ts";
import type { NewTimestamp } from "./metadata.ts";

const bytes = (string: string): Uint8Array => new Uint8Array(Buffer.from(string));
const openDescriptors = (): number => readdirSync("/proc/self/fd").length;
const KEEP: NewTimestamp = { tag: "no-change" };

describe("Descriptor", () => {
  test("reads and writes at offsets, and tells the end", ({ expect }) => {
    using folder = makeFolder();
    using guest = openGuest(folder.granted);
    const file = value(guest.open("f", { create: true }, READ_WRITE));
    expect(value(file.write(bytes("world"), 6n))).toBe(5n);
    expect(value(file.write(bytes("hello "), 0n))).toBe(6n);
    expect(value(file.read(5n, 6n))).toEqual([bytes("world"), false]);
    expect(value(file.read(5n, 11n))).toEqual([new Uint8Array(0), true]);
    expect(value(file.read(0n, 0n))).toEqual([new Uint8Array(0), false]);
    expect(file.read(1n, 2n ** 63n)).toEqual({ tag: "err", val: "invalid" });
    value(file.setSize(3n));
    expect(readFileSync(join(folder.granted, "f"), "utf8")).toBe("hel");
  });

  test("one call moves a bounded number of bytes", ({ expect }) => {
    using folder = makeFolder();
    writeFileSync(join(folder.granted, "big"), new Uint8Array(300_000));
    using guest = openGuest(folder.granted);
    const file = value(guest.open("big", {}, READ_WRITE));
    expect(value(file.read(2n ** 40n, 0n))[0].byteLength).toBe(MAX_READ);
    expect(value(file.write(new Uint8Array(200_000), 0n))).toBe(BigInt(MAX_WRITE));
    expect(contents(file).length).toBe(300_000);
  });

  test("streams read from and write at their own positions, and outlive the descriptor", async ({ expect }) => {
    using folder = makeFolder();
    using guest = openGuest(folder.granted);
    const before = openDescriptors();
    const file = value(guest.open("f", { create: true }, READ_WRITE));
    const output = value(file.writeViaStream(2n));
    const append = value(file.appendViaStream());
    const input = value(file.readViaStream(1n));
    file[Symbol.dispose]();
    expect([output, append, input].map((one) => one.constructor)).toEqual([OutputStream, OutputStream, InputStream]);
    await output.blockingWriteAndFlush(bytes("cdef"));
    await append.blockingWriteAndFlush(bytes("gh"));
    await output.blockingWriteAndFlush(bytes("EF"));
    expect(text(value(await input.blockingRead(4n)))).toBe("\0cde");
    expect(text(value(await input.blockingRead(100n)))).toBe("fEF");
    expect(await input.blockingRead(1n)).toEqual({ tag: "err", val: { tag: "closed" } });
    for (const stream of [output, append, input]) stream[Symbol.dispose]();
    expect(openDescriptors()).toBe(before);
  });

  test("a stream's failure tells the file system's reason", async ({ expect }) => {
    using guest = openGuest("/dev");
    // Always full. No guest can open it, as it is a device.
    const fd = openSync("/dev/full", "w");
    using output = new OutputStream(suspend, fileSink({ fd, hold: () => {}, release: () => closeSync(fd) }, "end"));
    expect(guest.open("full", {}, READ_WRITE).val).toBe("not-permitted");
    const failed = await output.blockingWriteAndFlush(bytes("x"));
    if (failed.tag === "ok" || failed.val.tag !== "last-operation-failed") throw new Error("did not fail");
    expect(filesystemErrorCode(failed.val.val)).toBe("insufficient-space");
    expect(output.checkWrite()).toEqual({ tag: "err", val: { tag: "closed" } });
  });

  test("sync() and syncData() wait for the disk, also for a folder", async ({ expect }) => {
    using folder = makeFolder();
    using guest = openGuest(folder.granted);
    const before = openDescriptors();
    const file = value(guest.open("f", { create: true }, READ_WRITE));
    for (const pending of [file.sync(), file.syncData(), guest.root.sync()]) {
      expect(pending).toBeInstanceOf(Promise);
      expect(await pending).toEqual({ tag: "ok", val: undefined });
    }
    // Dropped while the disk still works: the file is closed afterwards.
    const pending = file.sync();
    file[Symbol.dispose]();
    await pending;
    expect(openDescriptors()).toBe(before);
  });

  test("a folder granted for reading is not changed", ({ expect }) => {
    using folder = makeFolder();
    writeFileSync(join(folder.granted, "f"), "as it was");
    using writable = makeFolder();
    using guest = openGuest(folder.granted, false);
    using other = openGuest(writable.granted);
    const now: NewTimestamp = { tag: "now" };
    const { root } = guest;
    const file = value(guest.open("f"));
    const before = statSync(join(folder.granted, "f"));
    for (const refused of [
      guest.open("f", {}, READ_WRITE),
      guest.open("f", { truncate: true }),
      guest.open("new", { create: true }),
      guest.open(".", {}, { read: true, mutateDirectory: true }),
      root.createDirectoryAt("d"),
      root.removeDirectoryAt("d"),
      root.unlinkFileAt("f"),
      root.symlinkAt("f", "l"),
      root.renameAt("f", root, "g"),
      root.renameAt("f", other.root, "g"),
      root.linkAt({}, "f", root, "g"),
      // Else it could be written to by its other name.
      root.linkAt({}, "f", other.root, "g"),
      other.root.linkAt({}, ".", root, "g"),
      root.setTimesAt({}, "f", now, now),
      file.setTimes(now, now),
    ]) {
      expect(refused).toEqual({ tag: "err", val: "read-only" });
    }
    for (const refused of [
      file.write(bytes("x"), 0n),
      file.setSize(0n),
      file.writeViaStream(0n),
      file.appendViaStream(),
    ]) {
      expect(refused).toEqual({ tag: "err", val: "bad-descriptor" });
    }
    expect(value(root.getFlags())).toEqual({ read: true, mutateDirectory: false });
    expect(readdirSync(folder.granted)).toEqual(["f"]);
    expect(statSync(join(folder.granted, "f")).mtimeMs).toBe(before.mtimeMs);
    expect(contents(file)).toBe("as it was");
  });

  test("links, renames and removes", ({ expect }) => {
    using folder = makeFolder();
    using guest = openGuest(folder.granted);
    const { root } = guest;
    value(root.createDirectoryAt("d"));
    value(guest.open("d/f", { create: true, exclusive: true }, READ_WRITE));
    expect(guest.open("d/f", { create: true, exclusive: true }, READ_WRITE).val).toBe("exist");
    value(root.linkAt({}, "d/f", root, "hard"));
    value(root.symlinkAt("d/f", "soft"));
    expect(value(root.readlinkAt("soft"))).toBe("d/f");
    expect(readlinkSync(join(folder.granted, "soft"))).toBe("d/f");
    expect(root.symlinkAt("/etc", "absolute").val).toBe("not-permitted");
    expect(value(root.statAt(FOLLOW, "soft")).linkCount).toBe(2n);
    const [a, b] = [value(guest.open("hard")), value(guest.open("soft"))];
    expect(a.isSameObject(b)).toBe(true);
    expect(value(a.metadataHash())).toEqual(value(root.metadataHashAt(FOLLOW, "soft")));
    expect(root.removeDirectoryAt("d").val).toBe("not-empty");
    expect(root.unlinkFileAt("d").val).toBe("is-directory");
    value(root.renameAt("d/f", root, "moved"));
    value(root.removeDirectoryAt("d"));
    value(root.unlinkFileAt("soft"));
    expect(readdirSync(folder.granted).toSorted()).toEqual(["hard", "moved"]);
    expect(root.removeDirectoryAt(".").val).toBe("invalid");
  });

  test("tells types, sizes and times, and sets times", ({ expect }) => {
    using folder = makeFolder();
    using guest = openGuest(folder.granted);
    const { root } = guest;
    const file = value(guest.open("f", { create: true }, READ_WRITE));
    value(file.write(bytes("12345"), 0n));
    expect(value(file.stat())).toMatchObject({ type: "regular-file", size: 5n, linkCount: 1n });
    expect([value(file.getType()), value(root.getType())]).toEqual(["regular-file", "directory"]);
    const at = (seconds: bigint): NewTimestamp => ({ tag: "timestamp", val: { seconds, nanoseconds: 500_000_000 } });
    value(file.setTimes(at(1_000_000_000n), at(2_000_000_000n)));
    value(root.setTimesAt(FOLLOW, "f", KEEP, at(1_500_000_000n)));
    expect(value(root.statAt({}, "f"))).toMatchObject({
      dataAccessTimestamp: { seconds: 1_000_000_000n, nanoseconds: 500_000_000 },
      dataModificationTimestamp: { seconds: 1_500_000_000n, nanoseconds: 500_000_000 },
    });
    value(root.setTimesAt({}, ".", at(3n), at(4n)));
    expect(statSync(folder.granted).mtimeMs).toBe(4500);
    expect(file.setTimes(at(2n ** 64n - 1n), KEEP).val).toBe("invalid");
    expect(value(file.advise())).toBeUndefined();
    expect(root.advise().val).toBe("bad-descriptor");
    expect(root.read(1n, 0n).val).toBe("is-directory");
    expect(file.statAt({}, "x").val).toBe("not-directory");
    expect(guest.open(".", {}, READ_WRITE).val).toBe("is-directory");
    expect(guest.open("f", { directory: true }).val).toBe("not-directory");
    expect(guest.open("f", { create: true, directory: true }).val).toBe("invalid");
    expect(guest.open("f", {}, { ...READ_WRITE, fileIntegritySync: true }).val).toBe("unsupported");
  });

  test("lists a folder of any size, whatever the names", ({ expect }) => {
    using folder = makeFolder();
    mkdirSync(join(folder.granted, "sub"));
    const names = Array.from({ length: 500 }, (_, index) => `ü${index}`);
    for (const name of names) writeFileSync(join(folder.granted, name), "");
    const odd = Buffer.concat([Buffer.from(`${folder.granted}/`), Uint8Array.of(0xff)]);
    writeFileSync(odd, "");
    using guest = openGuest(folder.granted);
    using entries = value(guest.root.readDirectory());
    const listed: string[] = [];
    let unreadable = 0;
    for (;;) {
      const next = entries.readDirectoryEntry();
      if (next.tag === "err") unreadable++;
      else if (next.val === undefined) break;
      else listed.push(`${next.val.type} ${next.val.name}`);
    }
    expect(listed.toSorted()).toEqual(["directory sub", ...names.map((name) => `regular-file ${name}`)].toSorted());
    expect(unreadable).toBe(1);
    const file = value(guest.open("ü1"));
    expect(file.readDirectory().val).toBe("not-directory");
  });

  test("so much is open at a time and no more, and nothing when the instance is gone", ({ expect }) => {
    using folder = makeFolder();
    const before = openDescriptors();
    const guest = openGuest(folder.granted);
    const file = value(guest.open("f", { create: true }, READ_WRITE));
    const kinds = [
      () => guest.open("f"),
      () => guest.root.readDirectory(),
      () => file.appendViaStream(),
      () => guest.open("."),
    ];
    for (let open = 2; open < MAX_OPEN_FILES; open++) value<object>(kinds[open % kinds.length]?.() ?? guest.open("f"));
    for (const one of kinds) expect(one()).toEqual({ tag: "err", val: "quota" });
    file[Symbol.dispose]();
    value(guest.open("f"));
    guest[Symbol.dispose]();
    expect(openDescriptors()).toBe(before);
    expect(guest.open("f").tag).toBe("err");
  });
});

describe("createFilesystem()", () => {
  test("says which folder is not there", ({ expect }) => {
    const { interfaces } = createFilesystem({
      folders: [{ host: "/nowhere/at/all", guest: "/data", write: true }],
      suspend,
    });
    const preopens = interfaces["wasi:filesystem/preopens"]?.["getDirectories"] as () => unknown;
    expect(preopens).toThrow(/"\/nowhere\/at\/all" that it knows as "\/data"/);
  });
});
