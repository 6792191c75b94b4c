// The provider blobstore-fs on real folders: the contract, what lies on the disk, and disks that are full or damaged.

import { mkdir, readdir, readFile, stat, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "vitest";
import { createBlobstoreFsProvider } from "../../../providers/blobstore/fs.ts";
import { openComponent, wasiBlobstoreSuite } from "../../conformance/blobstore/suite.ts";
import { tempFolder } from "../../support/processes.ts";
import { startProvider, type Rig } from "../../support/provider-rig.ts";
import { smallDisk } from "../../support/small-disk.ts";

const start = async (folder: string, config: object = {}): Promise<Rig> =>
  await startProvider(createBlobstoreFsProvider, { folder, ...config }, { id: "blobs" });

wasiBlobstoreSuite({
  name: "a folder",
  async create() {
    const stack = new AsyncDisposableStack();
    const folder = stack.use(await tempFolder());
    const rig = stack.use(await start(folder.path));
    return { ...rig, [Symbol.asyncDispose]: () => stack.disposeAsync() };
  },
});

describe("blobstore-fs", () => {
  test("has a folder for each container, and keeps it over a restart", async ({ expect }) => {
    await using folder = await tempFolder();
    {
      await using rig = await start(folder.path);
      await using component = await openComponent(rig, {}, "app");
      await component.create("reports");
      await component.put("reports", "../x", "kept");
      // What was being written when the agent ended.
      await component.begin();
      await writeFile(join(folder.path, ".blobs", "99"), "left");
    }
    expect(await readFile(join(folder.path, "app+reports", "%2E.%2Fx"), "utf8")).toBe("kept");
    await mkdir(join(folder.path, ".blobs"));
    await writeFile(join(folder.path, ".blobs", "99"), "left");
    await using rig = await start(folder.path);
    await using component = await openComponent(rig, {}, "app");
    expect(await component.text("reports", "../x")).toBe("kept");
    expect(await readdir(join(folder.path, ".blobs"))).toEqual([]);
  });

  test("follows no links, and takes nothing else for an object", async ({ expect }) => {
    await using folder = await tempFolder();
    await using elsewhere = await tempFolder();
    await writeFile(join(elsewhere.path, "secret"), "secret");
    await using rig = await start(folder.path);
    await using component = await openComponent(rig, { namespace: "" });
    await component.create("c");
    await symlink(join(elsewhere.path, "secret"), join(folder.path, "c", "link"));
    await mkdir(join(folder.path, "c", "folder"));
    await symlink(elsewhere.path, join(folder.path, "away"));
    for (const name of ["link", "folder"]) {
      await expect(component.open("c", name)).rejects.toMatchObject({ payload: "there is no such object" });
      expect(await component.on("c", "has-object", name)).toBe(false);
    }
    expect(await component.list("c")).toEqual([]);
    expect(await component.call("wasi:blobstore/blobstore", "container-exists", "away")).toBe(false);
    await expect(component.open("away", "secret")).rejects.toMatchObject({ payload: "there is no such container" });
    // The link is replaced, not what it leads to.
    await component.put("c", "link", "own");
    expect(await readFile(join(elsewhere.path, "secret"), "utf8")).toBe("secret");
    expect(await component.text("c", "link")).toBe("own");
  });

  test("a link that ends while objects are opened leaves none of them open, and nothing written", async ({
    expect,
  }) => {
    await using folder = await tempFolder();
    await using rig = await start(folder.path);
    const component = await openComponent(rig);
    await component.create("c");
    await component.put("c", "o", "there");
    const { writer } = await component.begin();
    // Whether the piece is still taken is of no interest.
    const calls = [component.open("c", "o"), writer.write(Buffer.from("begun"))];
    const [ended, opened] = await Promise.allSettled([component[Symbol.asyncDispose](), ...calls]);
    expect(ended).toMatchObject({ status: "fulfilled" });
    expect(opened).toMatchObject({ reason: { payload: "the link has ended" } });
    expect(await readdir(join(folder.path, ".blobs"))).toEqual([]);
  });

  test("what was opened before a link was swapped is nothing of the one after", async ({ expect }) => {
    await using folder = await tempFolder();
    await using rig = await start(folder.path);
    await using before = await openComponent(rig);
    await before.create("c");
    const { value } = await before.begin();
    const listing = await before.on("c", "list-objects");
    await using after = await openComponent(rig);
    const { value: other } = await after.begin();
    await after.on("c", "list-objects");
    await after.types("[resource-drop]outgoing-value", value);
    await after.on("c", "write-data", "o", other);
    await after.types("[static]outgoing-value.finish", other);
    const names = "[method]stream-object-names.read-stream-object-names";
    await expect(after.call("wasi:blobstore/container", names, listing, 1n)).rejects.toMatchObject({
      payload: "the list is not known any more; list again from the start",
    });
  });

  test("a file that was cut fails its stream", async ({ expect }) => {
    await using folder = await tempFolder();
    await using rig = await start(folder.path);
    await using component = await openComponent(rig, { namespace: "" });
    await component.create("c");
    await component.put("c", "o", Buffer.alloc(300_000));
    const reader = await component.stream(await component.open("c", "o"));
    await truncate(join(folder.path, "c", "o"), 100_000);
    let read = 0;
    const readAll = async (): Promise<void> => {
      for await (const piece of reader) read += piece.byteLength;
    };
    await expect(readAll()).rejects.toMatchObject({ payload: "the object is shorter than it should be" });
    expect(read).toBe(100_000);
  });

  test("counts what it holds, also what was there before", async ({ expect }) => {
    await using folder = await tempFolder();
    await mkdir(join(folder.path, "c"));
    await writeFile(join(folder.path, "c", "old"), Buffer.alloc(40_000));
    const limits = { max_total: "100000B", max_container: "90000B", max_objects: 3 };
    await using rig = await start(folder.path, limits);
    await using component = await openComponent(rig, { namespace: "" });
    await component.create("d");
    await expect(component.put("c", "new", Buffer.alloc(50_001))).rejects.toMatchObject({
      payload: "a container has at most 90000 bytes",
    });
    await expect(component.put("d", "new", Buffer.alloc(60_001))).rejects.toMatchObject({
      payload: "the store is full",
    });
    await component.put("c", "old", Buffer.alloc(10));
    for (const name of ["1", "2"]) await component.put("c", name, Buffer.alloc(30_000));
    await expect(component.put("c", "3", "x")).rejects.toMatchObject({ payload: "a container has at most 3 objects" });
    await component.on("c", "delete-object", "1");
    await component.put("d", "3", Buffer.alloc(60_000));
    await component.call("wasi:blobstore/blobstore", "delete-container", "d");
    await component.put("c", "3", Buffer.alloc(50_000));
  });

  test("a full disk loses nothing that is there", async ({ expect, skip }) => {
    await using disk = (await smallDisk()) ?? skip("mounting a small disk needs root and mount(8)");
    await using rig = await start(disk.path);
    await using component = await openComponent(rig, { namespace: "" });
    await component.create("c");
    await component.put("c", "o", Buffer.alloc(500_000, "a"));
    await expect(component.put("c", "o", Buffer.alloc(800_000, "b"))).rejects.toMatchObject({
      payload: "the store is full",
    });
    expect((await component.text("c", "o")).replaceAll("a", "")).toBe("");
    // What was written of the one that did not fit is gone.
    await component.put("c", "p", Buffer.alloc(300_000));
    expect((await stat(join(disk.path, "c", "p"))).size).toBe(300_000);
    await disk.makeReadOnly();
    await expect(component.put("c", "p", "x")).rejects.toMatchObject({ payload: "the store failed: EROFS" });
    expect((await component.text("c", "o")).length).toBe(500_000);
  });
});
