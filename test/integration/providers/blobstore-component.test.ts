// A component that writes and reads blobs over streams between threads: larger than its memory, no faster than the store takes
// or gives them, and without a trace of what it did not finish.

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate as tick } from "node:timers/promises";
import { describe, test } from "vitest";
import type { ByteReader, ByteWriter } from "#provider";
import { createBlobstoreFsProvider } from "../../../providers/blobstore/fs.ts";
import { mebibytes } from "../../../src/domain/units.ts";
import { callFunction } from "../../../src/host/router.ts";
import type { RunningComponent } from "../../../src/runtime/contract.ts";
import { tempFolder } from "../../support/processes.ts";
import { startProvider } from "../../support/provider-rig.ts";
import { waitFor } from "../../support/wait-for.ts";
import { BLOBS_PROBE, limits, openRuntime } from "../runtime/support.ts";

const MEMORY = mebibytes(4);
const SIZE = 6 * 1_048_576;

interface World extends AsyncDisposable {
  readonly component: RunningComponent;
  readonly folder: string;
  call(name: string, ...args: readonly unknown[]): Promise<unknown>;
  unlink(): Promise<void>;
}

interface Spies {
  readonly reader?: (from: ByteReader) => ByteReader;
  readonly writer?: (to: ByteWriter) => ByteWriter;
}

async function open(spies: Spies = {}, glue: "own" | "jco" = "own"): Promise<World> {
  const stack = new AsyncDisposableStack();
  const folder = stack.use(await tempFolder());
  const rig = stack.use(
    await startProvider(createBlobstoreFsProvider, { folder: join(folder.path, "blobs") }, { id: "b" }),
  );
  const link = stack.use(await rig.bind({ component: "app" }));
  const runtime = stack.use(openRuntime(join(folder.path, "cache"), { glue }));
  const component = stack.use(
    await runtime.start("blobs", {
      limits: limits({ memory: MEMORY, deadline: 60_000 }),
      onImport: async (interfaceName, name, args) => {
        const found = await callFunction(link.binding.functions, interfaceName, name, args);
        if (name.endsWith("write-body")) return spies.writer?.(found as ByteWriter) ?? found;
        if (name.endsWith("consume-async")) return spies.reader?.(found as ByteReader) ?? found;
        return found;
      },
    }),
  );
  return {
    component,
    folder: join(folder.path, "blobs"),
    call: async (name, ...args) => await component.call(BLOBS_PROBE, name, args),
    unlink: async () => await link[Symbol.asyncDispose](),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

describe("a component with a blob store", () => {
  test.for(["own", "jco"] as const)(
    "writes and reads what is larger than its memory, in pieces, with %s glue",
    async (glue, { expect }) => {
      let untaken = 0;
      let most = 0;
      const reader = async function* (from: ByteReader): AsyncGenerator<Uint8Array> {
        for await (const piece of from) yield piece;
      };
      const writer = (to: ByteWriter): ByteWriter => ({
        ...to,
        async write(bytes) {
          untaken += bytes.byteLength;
          most = Math.max(most, untaken);
          await to.write(bytes);
          untaken -= bytes.byteLength;
        },
      });
      await using world = await open({ reader, writer }, glue);
      const size = glue === "own" ? SIZE : 1_048_576;
      expect(await world.call("write", "big", BigInt(size))).toBe(BigInt(size));
      expect(await world.call("read", "big")).toBe(BigInt(size));
      expect(await world.call("names")).toEqual(["big"]);
      expect(most).toBeLessThanOrEqual(65_536);
      const { memory, restarts } = world.component.stats();
      expect(memory).toBeLessThanOrEqual(MEMORY);
      expect(restarts).toBe(0);
    },
  );

  test("gets no more than a window ahead of what it reads, and what fails reaches it", async ({ expect }) => {
    let given = 0;
    let most = 0;
    const pieces = 64;
    // What the component has read shows by what it asks for.
    const reader = async function* (from: ByteReader): AsyncGenerator<Uint8Array> {
      for await (const _ of from) break;
      for (let piece = 0; piece < pieces; piece++) {
        given += 65_536;
        most = Math.max(most, given);
        yield new Uint8Array(65_536);
        await tick();
      }
      throw new Error("a secret path");
    };
    await using world = await open({ reader });
    await world.call("write", "o", 1n);
    await expect(world.call("read", "o")).rejects.toMatchObject({ payload: "the stream failed" });
    expect(most).toBe(pieces * 65_536);
  });

  test("a provider that takes nothing holds the component back", async ({ expect }) => {
    let held = 0;
    const taken = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const writer = (to: ByteWriter): ByteWriter => ({
      ...to,
      async write(bytes) {
        held += bytes.byteLength;
        begun.resolve();
        await taken.promise;
        await to.write(bytes);
      },
    });
    await using world = await open({ writer });
    const writing = world.call("write", "o", 1_048_576n);
    await begun.promise;
    expect(held).toBeLessThanOrEqual(65_536);
    taken.resolve();
    expect(await writing).toBe(1_048_576n);
  });

  test("leaves nothing of what it drops, and of what it leaves when its instance ends", async ({ expect }) => {
    await using world = await open();
    const drafts = async (): Promise<string[]> => await readdir(join(world.folder, ".b"));
    await world.call("abandon", "o", "drop");
    await waitFor("the dropped value to go", async () => (await drafts()).length === 0);
    await world.call("abandon", "o", "keep");
    expect(await drafts()).toHaveLength(1);
    await expect(world.call("abandon", "o", "trap")).rejects.toThrow();
    expect(await world.call("names")).toEqual([]);
    await world.component[Symbol.asyncDispose]();
    await waitFor("what the instances had to go", async () => (await drafts()).length === 0);
  });

  test("is told when its link ends while it writes", async ({ expect }) => {
    const begun = Promise.withResolvers<void>();
    const writer = (to: ByteWriter): ByteWriter => ({
      ...to,
      async write(bytes) {
        await to.write(bytes);
        begun.resolve();
      },
    });
    await using world = await open({ writer });
    const writing = world.call("write", "o", BigInt(SIZE));
    writing.catch(() => {});
    await begun.promise;
    await world.unlink();
    await expect(writing).rejects.toMatchObject({ name: "WitError" });
    expect(await readdir(join(world.folder, ".b"))).toEqual([]);
  });
});
