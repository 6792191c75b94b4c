import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { describe, test } from "vitest";
import {
  contents,
  FOLLOW,
  makeFolder,
  openGuest,
  READ,
  READ_WRITE,
  value,
  type TestFolder,
} from "../../../../test/support/guest-files.ts";
import { MAX_DEPTH, MAX_LINKS, openRoot } from "./sandbox.ts";

/** What a path may lead to while it is changed. */
const EXPECTED = ["inside", "not-permitted", "no-entry", "not-directory", "loop"];

function makeTree(): TestFolder {
  const folder = makeFolder();
  const { granted, outside } = folder;
  writeFileSync(join(outside, "secret"), "secret");
  mkdirSync(join(granted, "sub/deep"), { recursive: true });
  writeFileSync(join(granted, "sub/file"), "inside");
  for (const [name, target] of [
    ["out", "../secret"],
    ["up", ".."],
    ["deep-out", "sub/deep/../../../secret"],
    ["absolute", join(outside, "secret")],
    ["absolute-inside", join(granted, "sub/file")],
    ["in", "sub/../sub//./file"],
    ["folder", "sub/"],
    ["chain", "in"],
    ["self", "self"],
    ["dangling-out", "../new"],
    ["dangling-in", "sub/new"],
  ] as const) {
    symlinkSync(target, join(granted, name));
  }
  return folder;
}

describe("openRoot()", () => {
  test("a folder that a guest makes a link of leads nowhere else when it is opened again", ({ expect }) => {
    using folder = makeTree();
    const { granted, outside } = folder;
    mkdirSync(join(outside, "device"));
    mkdirSync(join(granted, "b"));
    using first = openGuest(granted);
    const within = [granted, join(outside, "not-there")];
    openGuest(join(granted, "b"), true, within)[Symbol.dispose]();

    value(first.root.renameAt("b", first.root, "c"));
    value(first.root.symlinkAt("../device", "b"));
    expect(() => openGuest(join(granted, "b"), true, within)).toThrow(/not-permitted/);
    // A link to what is inside is one.
    value(first.root.unlinkFileAt("b"));
    value(first.root.symlinkAt("c", "b"));
    openGuest(join(granted, "b"), true, within)[Symbol.dispose]();
  });

  test("what the folders themselves lead to is below them, and without any nothing is", ({ expect }) => {
    using folder = makeTree();
    const alias = join(folder.outside, "alias");
    symlinkSync("granted", alias);
    closeSync(openRoot(join(folder.granted, "sub"), [alias]));
    closeSync(openRoot(alias, [folder.granted]));
    expect(() => openRoot(folder.outside, [alias])).toThrow(/not-permitted/);
    expect(() => openRoot(alias, [])).toThrow(/not-permitted/);
  });
});

describe("locate()", () => {
  test("leads to what is inside, over links and back up", ({ expect }) => {
    using folder = makeTree();
    using guest = openGuest(folder.granted);
    for (const path of ["sub/file", "in", "chain", "folder/file", "sub/deep/../file", "./sub//file", "folder/../in"]) {
      expect(contents(value(guest.open(path))), path).toBe("inside");
    }
    for (const path of [".", "sub/..", "folder", "folder/", "sub/deep/.."]) {
      expect(value(guest.root.statAt(FOLLOW, path)).type, path).toBe("directory");
    }
    expect(value(guest.root.statAt({}, "folder")).type).toBe("symbolic-link");
    expect(value(guest.root.statAt({}, "folder/")).type).toBe("directory");
  });

  test("never leads out", ({ expect }) => {
    using folder = makeTree();
    using guest = openGuest(folder.granted);
    for (const path of [
      "..",
      "../secret",
      "sub/../../secret",
      "out",
      "up/secret",
      "up",
      "deep-out",
      "absolute",
      "absolute-inside",
      "/etc/hostname",
      "/",
      "sub/../../granted/sub/file",
    ]) {
      const denied = { tag: "err", val: "not-permitted" };
      expect(guest.open(path), path).toEqual(denied);
      expect(guest.root.statAt(FOLLOW, path), path).toEqual(denied);
      expect(guest.open(path, { create: true }, READ_WRITE), path).toEqual(denied);
      expect(guest.root.metadataHashAt(FOLLOW, path), path).toEqual(denied);
    }
    expect(guest.open("dangling-out", { create: true }, READ_WRITE)).toEqual({ tag: "err", val: "not-permitted" });
    expect(guest.root.createDirectoryAt("up/made")).toEqual({ tag: "err", val: "not-permitted" });
    expect(guest.root.renameAt("sub/file", guest.root, "up/taken")).toEqual({ tag: "err", val: "not-permitted" });
    expect(guest.root.linkAt(FOLLOW, "out", guest.root, "linked")).toEqual({ tag: "err", val: "not-permitted" });
    expect(guest.root.unlinkFileAt("up/secret")).toEqual({ tag: "err", val: "not-permitted" });
    expect(execFileSync("ls", ["-A", folder.outside]).toString()).toBe("granted\nsecret\n");
  });

  test("a descriptor of a folder inside leads no further up than itself", ({ expect }) => {
    using folder = makeTree();
    using guest = openGuest(folder.granted);
    const sub = value(guest.open("sub", { directory: true }));
    expect(contents(value(sub.openAt(FOLLOW, "file", {}, READ)))).toBe("inside");
    expect(sub.openAt(FOLLOW, "../in", {}, READ)).toEqual({ tag: "err", val: "not-permitted" });
  });

  test("creates through a link that dangles inside, and not through one when links are not followed", ({ expect }) => {
    using folder = makeTree();
    using guest = openGuest(folder.granted);
    expect(guest.root.openAt({}, "dangling-in", { create: true }, READ_WRITE).val).toBe("loop");
    expect(guest.open("dangling-in", { create: true, exclusive: true }, READ_WRITE).val).toBe("exist");
    value(guest.open("dangling-in", { create: true }, READ_WRITE));
    expect(value(guest.root.statAt({}, "sub/new")).type).toBe("regular-file");
  });

  test("bounds links, depth and length", ({ expect }) => {
    using folder = makeTree();
    using guest = openGuest(folder.granted);
    expect(guest.open("self").val).toBe("loop");
    for (let link = 0; link <= MAX_LINKS; link++) symlinkSync(`l${link + 1}`, join(folder.granted, `l${link}`));
    writeFileSync(join(folder.granted, `l${MAX_LINKS + 1}`), "end");
    expect(guest.open("l0").val).toBe("loop");
    expect(contents(value(guest.open("l1")))).toBe("end");
    expect(guest.open("x".repeat(300)).val).toBe("name-too-long");
    expect(guest.open("x/".repeat(3000)).val).toBe("name-too-long");
    let path = ".";
    for (let depth = 0; depth < MAX_DEPTH; depth++) {
      path += "/d";
      value(guest.root.createDirectoryAt(path));
    }
    value(guest.root.createDirectoryAt(`${path}/last`));
    expect(guest.root.createDirectoryAt(`${path}/last/more`).val).toBe("name-too-long");
    expect([guest.open("").val, guest.open("a\0b").val]).toEqual(["no-entry", "invalid"]);
  });

  test("a slash at the end asks for a folder", ({ expect }) => {
    using folder = makeTree();
    using guest = openGuest(folder.granted);
    expect(guest.open("sub/file/").val).toBe("not-directory");
    expect(guest.root.unlinkFileAt("sub/file/").val).toBe("not-directory");
    expect(guest.root.renameAt("sub/file/", guest.root, "moved").val).toBe("not-directory");
    expect(guest.open("made/", { create: true }, READ_WRITE).val).toBe("no-entry");
    value(guest.root.createDirectoryAt("made/"));
    value(guest.root.renameAt("made/", guest.root, "moved/"));
    value(guest.root.removeDirectoryAt("moved/"));
  });

  test("no pipe, socket or device is opened", ({ expect }) => {
    using folder = makeTree();
    execFileSync("sh", ["-c", `mkfifo "$0"`, join(folder.granted, "pipe")]);
    using guest = openGuest(folder.granted);
    expect(value(guest.root.statAt({}, "pipe")).type).toBe("fifo");
    // Opening it for reading would wait for a writer.
    expect(guest.open("pipe").val).toBe("not-permitted");
    expect(guest.open("pipe", { create: true }, READ_WRITE).val).toBe("not-permitted");
  });

  test("stays inside while somebody else swaps folders for links", async ({ expect }) => {
    using folder = makeTree();
    const { granted } = folder;
    mkdirSync(join(granted, "swap"));
    writeFileSync(join(granted, "swap/secret"), "inside");
    writeFileSync(join(granted, "plain"), "inside");
    const state = new Int32Array(new SharedArrayBuffer(8));
    const swapping = `
      const { renameSync, symlinkSync, unlinkSync } = require("node:fs");
      const { workerData: { granted, state } } = require("node:worker_threads");
      while (Atomics.load(state, 0) === 0) {
        renameSync(granted + "/swap", granted + "/away");
        symlinkSync("..", granted + "/swap");
        renameSync(granted + "/plain", granted + "/plain-away");
        symlinkSync("../secret", granted + "/plain");
        unlinkSync(granted + "/swap");
        renameSync(granted + "/away", granted + "/swap");
        unlinkSync(granted + "/plain");
        renameSync(granted + "/plain-away", granted + "/plain");
        Atomics.add(state, 1, 1);
      }
    `;
    const worker = new Worker(swapping, { eval: true, workerData: { granted, state } });
    const ended = new Promise((resolve) => worker.once("exit", resolve));
    try {
      using guest = openGuest(granted);
      const outcomes = new Set<string>();
      for (let attempt = 0; attempt < 20_000 || Atomics.load(state, 1) < 100; attempt++) {
        const opened = guest.open(attempt % 2 === 0 ? "swap/secret" : "plain");
        outcomes.add(opened.tag === "ok" ? contents(opened.val) : opened.val);
        if (opened.tag === "ok") opened.val[Symbol.dispose]();
      }
      expect([...outcomes].filter((one) => !EXPECTED.includes(one))).toEqual([]);
      expect(outcomes).toContain("inside");
    } finally {
      Atomics.store(state, 0, 1);
      await ended;
    }
  });
});
