// What a component may rely on from `wasi:blobstore` of 0.2.0-draft, wherever the blobs are kept.

import { createHash, randomBytes } from "node:crypto";
import { describe, test } from "vitest";
import type { ByteReader, ByteWriter } from "#provider";
import { callFunction } from "../../../src/host/router.ts";
import { bindLink, type Rig } from "../../support/provider-rig.ts";

const BLOBSTORE = "wasi:blobstore/blobstore";
const CONTAINER = "wasi:blobstore/container";
const TYPES = "wasi:blobstore/types";
const END = 2n ** 64n - 1n;

interface Metadata {
  readonly name: string;
  readonly createdAt: bigint;
  readonly size: bigint;
}

/** A component with a container of its own open. */
export async function openComponent(rig: Rig, config: object = {}, component = "component") {
  const link = await bindLink(rig.provider, { component, config });
  const { functions } = link.binding;
  // Streams pass as they are.
  const call = async (interfaceName: string, name: string, ...args: readonly unknown[]): Promise<unknown> =>
    await callFunction(functions, interfaceName, name, args);
  const types = async (name: string, ...args: readonly unknown[]) => await call(TYPES, name, ...args);
  const on = async (container: string, name: string, ...args: readonly unknown[]): Promise<unknown> =>
    await call(CONTAINER, `[method]container.${name}`, container, ...args);

  async function begin(): Promise<{ readonly value: unknown; readonly writer: ByteWriter }> {
    const value = await types("[static]outgoing-value.new-outgoing-value");
    return { value, writer: (await types("[method]outgoing-value.outgoing-value-write-body", value)) as ByteWriter };
  }
  const open = async (container: string, name: string, start = 0n, end = END) =>
    await on(container, "get-data", name, start, end);
  const stream = async (value: unknown): Promise<ByteReader> =>
    (await types("[static]incoming-value.incoming-value-consume-async", value)) as ByteReader;

  return {
    call,
    types,
    on,
    begin,
    open,
    stream,
    create: async (name: string) => await call(BLOBSTORE, "create-container", name),
    async put(container: string, name: string, content: string | Uint8Array): Promise<void> {
      const { value, writer } = await begin();
      try {
        await on(container, "write-data", name, value);
        await writer.write(Buffer.from(content));
        await writer.close();
      } catch (error) {
        await types("[resource-drop]outgoing-value", value);
        throw error;
      }
      await types("[static]outgoing-value.finish", value);
    },
    async text(container: string, name: string, start?: bigint, end?: bigint): Promise<string> {
      const value = await open(container, name, start, end);
      const bytes = await types("[static]incoming-value.incoming-value-consume-sync", value);
      return Buffer.from(bytes as Uint8Array).toString();
    },
    info: async (container: string, name: string) => (await on(container, "object-info", name)) as Metadata,
    async list(container: string): Promise<string[]> {
      const listing = await on(container, "list-objects");
      const all: string[] = [];
      for (;;) {
        const found = await call(CONTAINER, "[method]stream-object-names.read-stream-object-names", listing, 7n);
        const [names, end] = found as [string[], boolean];
        all.push(...names);
        if (end) return all.sort();
      }
    },
    [Symbol.asyncDispose]: async () => await link[Symbol.asyncDispose](),
  };
}

const err = (payload: unknown): object => ({ name: "WitError", payload });

export function wasiBlobstoreSuite(subject: { readonly name: string; create(): Promise<Rig> }): void {
  describe(`wasi:blobstore on ${subject.name}`, () => {
    test("keeps objects of any bytes, replaces and deletes them", async ({ expect }) => {
      await using rig = await subject.create();
      await using component = await openComponent(rig);
      await component.create("c");
      expect(await component.on("c", "has-object", "o")).toBe(false);
      await component.put(
        "c",
        "o",
        Uint8Array.from({ length: 256 }, (_, i) => i),
      );
      const bytes = await component.types(
        "[static]incoming-value.incoming-value-consume-sync",
        await component.open("c", "o"),
      );
      expect(new Uint8Array(bytes as Uint8Array)).toEqual(Uint8Array.from({ length: 256 }, (_, i) => i));
      await component.put("c", "o", "another one");
      expect(await component.text("c", "o")).toBe("another one");
      const { name, size, createdAt } = await component.info("c", "o");
      expect([name, size]).toEqual(["o", 11n]);
      expect(Math.abs(Number(createdAt) - Date.now() / 1000)).toBeLessThan(600);
      await component.put("c", "empty", "");
      expect([await component.text("c", "empty"), (await component.info("c", "empty")).size]).toEqual(["", 0n]);
      await component.on("c", "delete-object", "o");
      await component.on("c", "delete-object", "o");
      await expect(component.open("c", "o")).rejects.toMatchObject(err("there is no such object"));
      await expect(component.info("c", "o")).rejects.toMatchObject(err("there is no such object"));
    });

    test("reads the parts that are asked for, both offsets included", async ({ expect }) => {
      await using rig = await subject.create();
      await using component = await openComponent(rig);
      await component.create("c");
      await component.put("c", "o", "0123456789");
      expect(await component.text("c", "o", 0n, 0n)).toBe("0");
      expect(await component.text("c", "o", 3n, 5n)).toBe("345");
      expect(await component.text("c", "o", 8n, 100n)).toBe("89");
      expect(await component.text("c", "o", 10n, 20n)).toBe("");
      await expect(component.text("c", "o", 5n, 3n)).rejects.toMatchObject(err("the end lies before the start"));
      const value = await component.open("c", "o", 2n, END);
      expect(await component.types("[method]incoming-value.size", value)).toBe(8n);
    });

    test("streams an object in pieces, which may be replaced while it is read", async ({ expect }) => {
      await using rig = await subject.create();
      await using component = await openComponent(rig);
      await component.create("c");
      const size = 3_000_000;
      const digest = createHash("sha256");
      const { value, writer } = await component.begin();
      // Where it goes may be said when all is written.
      for (let written = 0; written < size;) {
        const piece = randomBytes(Math.min(50_000, size - written));
        digest.update(piece);
        await writer.write(piece);
        written += piece.byteLength;
      }
      await writer.close();
      await component.on("c", "write-data", "big", value);
      expect(await component.on("c", "has-object", "big")).toBe(false);
      await component.types("[static]outgoing-value.finish", value);
      expect((await component.info("c", "big")).size).toBe(BigInt(size));
      const found = createHash("sha256");
      let most = 0;
      let begun = false;
      for await (const piece of await component.stream(await component.open("c", "big"))) {
        if (!begun) await component.put("c", "big", "replaced");
        begun = true;
        most = Math.max(most, piece.byteLength);
        found.update(piece);
      }
      expect(found.digest("hex")).toBe(digest.digest("hex"));
      expect(most).toBeLessThan(size / 4);
      expect(await component.text("c", "big")).toBe("replaced");
    });

    test("leaves no trace of a value that was dropped, or not written to its end", async ({ expect }) => {
      await using rig = await subject.create();
      await using component = await openComponent(rig);
      await component.create("c");
      await component.put("c", "o", "before");
      const dropped = await component.begin();
      await component.on("c", "write-data", "o", dropped.value);
      await dropped.writer.write(Buffer.alloc(200_000));
      await component.types("[resource-drop]outgoing-value", dropped.value);
      await expect(component.types("[static]outgoing-value.finish", dropped.value)).rejects.toMatchObject(
        err(expect.stringContaining("no such value")),
      );
      const aborted = await component.begin();
      await component.on("c", "write-data", "o", aborted.value);
      await aborted.writer.write(Buffer.alloc(10));
      aborted.writer.abort();
      await expect(component.types("[static]outgoing-value.finish", aborted.value)).rejects.toMatchObject(
        err("the value was not written to its end"),
      );
      const homeless = await component.begin();
      await expect(component.types("[static]outgoing-value.finish", homeless.value)).rejects.toMatchObject(
        err("the value was given to no object"),
      );
      expect(await component.list("c")).toEqual(["o"]);
      expect(await component.text("c", "o")).toBe("before");
    });

    test("lists the objects of a container piece by piece, skips some, and clears it", async ({ expect }) => {
      await using rig = await subject.create();
      await using component = await openComponent(rig);
      await component.create("c");
      expect(await component.list("c")).toEqual([]);
      const names = Array.from({ length: 30 }, (_, i) => `object-${String(i).padStart(2, "0")}`);
      for (const name of names) await component.put("c", name, name);
      expect(await component.list("c")).toEqual(names);
      const listing = await component.on("c", "list-objects");
      const skip = async (count: bigint) =>
        await component.call(CONTAINER, "[method]stream-object-names.skip-stream-object-names", listing, count);
      expect(await skip(10n)).toEqual([10n, false]);
      expect(await skip(100n)).toEqual([20n, true]);
      await component.on("c", "delete-objects", names.slice(0, 28));
      expect(await component.list("c")).toEqual(names.slice(28));
      await component.on("c", "clear");
      expect(await component.list("c")).toEqual([]);
      expect(await component.call(BLOBSTORE, "container-exists", "c")).toBe(true);
    });

    test("copies and moves objects, also to other containers", async ({ expect }) => {
      await using rig = await subject.create();
      await using component = await openComponent(rig);
      await component.create("a");
      await component.create("b");
      await component.put("a", "o", "content");
      await component.put("b", "o", "to be replaced");
      const id = (container: string, object: string) => ({ container, object });
      await component.call(BLOBSTORE, "copy-object", id("a", "o"), id("b", "o"));
      expect([await component.text("a", "o"), await component.text("b", "o")]).toEqual(["content", "content"]);
      await component.call(BLOBSTORE, "move-object", id("a", "o"), id("b", "moved"));
      expect([await component.list("a"), await component.list("b")]).toEqual([[], ["moved", "o"]]);
      expect(await component.text("b", "moved")).toBe("content");
      await component.call(BLOBSTORE, "move-object", id("b", "o"), id("b", "o"));
      expect(await component.text("b", "o")).toBe("content");
      for (const name of ["copy-object", "move-object"]) {
        const to = async (source: object, target: object) => await component.call(BLOBSTORE, name, source, target);
        await expect(to(id("a", "o"), id("b", "x"))).rejects.toMatchObject(err("there is no such object"));
        await expect(to(id("b", "o"), id("none", "x"))).rejects.toMatchObject(err("there is no such container"));
      }
    });

    test("creates containers once, and deletes them with what is in them", async ({ expect }) => {
      await using rig = await subject.create();
      await using component = await openComponent(rig);
      const exists = async () => await component.call(BLOBSTORE, "container-exists", "c");
      expect(await exists()).toBe(false);
      await expect(component.call(BLOBSTORE, "get-container", "c")).rejects.toMatchObject(
        err("there is no such container"),
      );
      await expect(component.put("c", "o", "x")).rejects.toMatchObject(err("there is no such container"));
      await component.create("c");
      await component.put("c", "o", "kept");
      await component.create("c");
      expect([await exists(), await component.text("c", "o")]).toEqual([true, "kept"]);
      expect(await component.on("c", "info")).toMatchObject({ name: "c" });
      await component.call(BLOBSTORE, "delete-container", "c");
      await component.call(BLOBSTORE, "delete-container", "c");
      expect(await exists()).toBe(false);
      await component.create("c");
      expect(await component.list("c")).toEqual([]);
    });

    test("takes any name for a name", async ({ expect }) => {
      await using rig = await subject.create();
      await using component = await openComponent(rig);
      const names = [
        "..",
        ".",
        "../x",
        "/etc/passwd",
        "a/b/c",
        ".hidden",
        "a b",
        "ä ö 🌱",
        "%2E",
        "x".repeat(200),
        "\0",
        "*.>",
      ];
      for (const container of [names[2] ?? "", "..", "plain"]) {
        await component.create(container);
        for (const name of names) await component.put(container, name, `${container} ${name}`);
        expect(await component.list(container)).toEqual(names.toSorted());
        for (const name of names) expect(await component.text(container, name)).toBe(`${container} ${name}`);
      }
      for (const name of ["", "x".repeat(1_048_576)]) {
        await expect(component.put("plain", name, "x")).rejects.toMatchObject(
          err(expect.stringContaining("the name of")),
        );
        await expect(component.create(name)).rejects.toMatchObject(err(expect.stringContaining("the name of")));
      }
    });

    test("keeps components apart, and to what their links allow", async ({ expect }) => {
      await using rig = await subject.create();
      await using mine = await openComponent(rig, {}, "a");
      await using theirs = await openComponent(rig, {}, "b");
      await mine.create("c");
      expect(await theirs.call(BLOBSTORE, "container-exists", "c")).toBe(false);
      await using left = await openComponent(rig, { namespace: "shared" }, "a");
      await using right = await openComponent(rig, { namespace: "shared", read_only: true, containers: "c,d" }, "b");
      await left.create("c");
      await left.create("e");
      await left.put("c", "o", "ours");
      expect(await right.text("c", "o")).toBe("ours");
      await expect(right.put("c", "o", "theirs")).rejects.toMatchObject(err("the link is for reading only"));
      await expect(right.on("c", "clear")).rejects.toMatchObject(err("the link is for reading only"));
      await expect(right.on("e", "list-objects")).rejects.toMatchObject(err("access denied"));
      await using small = await openComponent(rig, { namespace: "shared", max_object: "1KiB" }, "a");
      await small.put("c", "fits", Buffer.alloc(1024));
      await expect(small.put("c", "large", Buffer.alloc(1025))).rejects.toMatchObject(
        err("an object has at most 1024 bytes"),
      );
      expect(await left.list("c")).toEqual(["fits", "o"]);
    });

    test("bounds what a component has open", async ({ expect }) => {
      await using rig = await subject.create();
      await using component = await openComponent(rig);
      await component.create("c");
      await component.put("c", "o", "x");
      const values = await Promise.all(Array.from({ length: 32 }, () => component.open("c", "o")));
      await expect(component.open("c", "o")).rejects.toMatchObject(err(expect.stringContaining("at most 32")));
      await component.types("[resource-drop]incoming-value", values[0]);
      expect(await component.text("c", "o")).toBe("x");
    });
  });
}
