import { spawnSync } from "node:child_process";
import { closeSync, existsSync, openSync, writeSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { describe, test } from "vitest";
import { waitFor } from "../../test/support/wait-for.ts";
import { deviceAddonPath, openDeviceIo, type DeviceIo } from "./device-io.ts";

/** Bytes that wait to be read, into an int. */
const FIONREAD = 0x541b;
/** The size of a terminal. */
const TIOCGWINSZ = 0x5413;
/** Says in its number that it wants 68 bytes. */
const GPIO_GET_CHIPINFO = 0x8044b401;

/** A pipe that is open for reading and writing; `work` may close it. */
async function withPipe(work: (io: DeviceIo, pipe: number, path: string) => Promise<void | "closed">): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "petiole-device-"));
  const path = join(folder, "pipe");
  const { status } = spawnSync("mkfifo", [path]);
  if (status !== 0) throw new Error("mkfifo failed");
  const io = openDeviceIo();
  const pipe = io.open(path);
  try {
    if ((await work(io, pipe, path)) !== "closed") io.close(pipe);
  } finally {
    await rm(folder, { recursive: true });
  }
}

describe.skipIf(!existsSync(deviceAddonPath()))("DeviceIo (skipped without the add-on: npm run build:native)", () => {
  test("ioctl() gives and takes a buffer, and zeros where a pointer stood", async ({ expect }) => {
    await withPipe(async (io, pipe) => {
      writeSync(pipe, "12345");
      const count = new Uint8Array(4);
      expect(io.ioctl(pipe, FIONREAD, count)).toBe(0);
      expect([...count]).toEqual([5, 0, 0, 0]);
      const holder = new Uint8Array(16).fill(7);
      io.ioctl(pipe, FIONREAD, count, [{ holder, offset: 4, target: count }]);
      expect([...holder]).toEqual([7, 7, 7, 7, 0, 0, 0, 0, 0, 0, 0, 0, 7, 7, 7, 7]);
    });
  });

  test("ioctl() throws what the kernel says, and refuses buffers that are too small", async ({ expect }) => {
    await withPipe(async (io, pipe) => {
      const small = new Uint8Array(8);
      expect(() => io.ioctl(pipe, TIOCGWINSZ, small)).toThrow(expect.objectContaining({ code: "ENOTTY" }));
      expect(() => io.ioctl(-1, TIOCGWINSZ, 0)).toThrow(expect.objectContaining({ code: "EBADF" }));
      expect(() => io.ioctl(pipe, GPIO_GET_CHIPINFO, new Uint8Array(67))).toThrow(TypeError);
      const pointer = { holder: small, offset: 1, target: small };
      expect(() => io.ioctl(pipe, FIONREAD, small, [pointer])).toThrow(TypeError);
      expect(() => io.ioctl(pipe, FIONREAD, "text" as unknown as number)).toThrow(TypeError);
    });
  });

  test("ioctlLater() does the same from another thread, with many at once", async ({ expect }) => {
    await withPipe(async (io, pipe) => {
      writeSync(pipe, "12345");
      const counts = Array.from({ length: 50 }, () => new Uint8Array(4));
      const holders = counts.map(() => new Uint8Array(8).fill(7));
      const calls = counts.map((count, index) => {
        const holder = holders[index] ?? count;
        return io.ioctlLater(pipe, FIONREAD, count, [{ holder, offset: 0, target: count }]);
      });
      expect(await Promise.all(calls)).toEqual(counts.map(() => 0));
      expect(counts.map(([first]) => first)).toEqual(counts.map(() => 5));
      expect(holders.flatMap((holder) => [...holder]).every((byte) => byte === 0)).toBe(true);
      await expect(io.ioctlLater(pipe, TIOCGWINSZ, new Uint8Array(8))).rejects.toMatchObject({ code: "ENOTTY" });
      await expect(io.ioctlLater(pipe, GPIO_GET_CHIPINFO, new Uint8Array(67))).rejects.toBeInstanceOf(TypeError);
    });
  });

  test("watch() hands over what can be read, at once, and nothing after its end", async ({ expect }) => {
    await withPipe(async (io, pipe) => {
      const got: string[] = [];
      const { promise, resolve } = Promise.withResolvers<void>();
      const watch = io.watch(pipe, {
        size: 4,
        onData: (bytes) => {
          got.push(Buffer.from(bytes).toString());
          if (got.length === 2) resolve();
        },
        onEnd: () => got.push("end"),
      });
      writeSync(pipe, "abcdef");
      // Nothing else wakes the event loop here.
      await promise;
      expect(got).toEqual(["abcd", "ef"]);
      watch[Symbol.dispose]();
      watch[Symbol.dispose]();
      writeSync(pipe, "more");
      await new Promise((done) => setImmediate(done));
      expect(got).toEqual(["abcd", "ef"]);
    });
  });

  test("watch() tells of the end, and throws for what cannot be waited for", async ({ expect }) => {
    await withPipe(async (io, pipe, path) => {
      const ends: unknown[] = [];
      const writing = io.open(path);
      const reading = openSync(path, "r");
      using _watch = io.watch(reading, { size: 4, onData: () => {}, onEnd: (error) => ends.push(error) });
      const regular = io.open(fileURLToPath(import.meta.url));
      expect(() => io.watch(regular, { size: 4, onData: () => {}, onEnd: () => {} })).toThrow(/EPERM/);
      expect(() => io.watch(pipe, { size: 0, onData: () => {}, onEnd: () => {} })).toThrow(TypeError);
      io.close(regular);
      io.close(writing);
      io.close(pipe);
      await waitFor("the end of the pipe", () => ends.length > 0);
      expect(ends).toEqual([undefined]);
      closeSync(reading);
      return "closed";
    });
  });

  test("a worker that ends while it watches leaves no trouble behind", async ({ expect }) => {
    await withPipe(async (_io, pipe) => {
      const script = `
        const addon = require(${JSON.stringify(deviceAddonPath())});
        addon.watch(${pipe}, false, 16, () => require("node:worker_threads").parentPort.postMessage("read"));
        require("node:worker_threads").parentPort.postMessage("watching");`;
      const worker = new Worker(script, { eval: true });
      const said: unknown[] = [];
      worker.on("message", (message) => said.push(message));
      await waitFor("the worker to watch", () => said.length > 0);
      writeSync(pipe, "x");
      await waitFor("the worker to read", () => said.length > 1);
      await worker.terminate();
      expect(said).toEqual(["watching", "read"]);
    });
  });
});

describe("openDeviceIo()", () => {
  test("says what to do where there is no add-on", ({ expect }) => {
    expect(() => openDeviceIo("/nowhere/it.node")).toThrow(expect.objectContaining({ code: "ERR_DEVICE_ADDON" }));
  });
});
