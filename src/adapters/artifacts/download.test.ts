import { createHash } from "node:crypto";
import { access, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "vitest";
import { smallDisk } from "../../../test/support/small-disk.ts";
import { skipping } from "../../../test/support/skip.ts";
import { tempFolder } from "../../../test/support/processes.ts";
import { PetioleError } from "../../domain/errors.ts";
import { millis, seconds } from "../../domain/units.ts";
import { systemClock } from "../../lib/clock.ts";
import { download, type DownloadRequest } from "./download.ts";
import type { Opened } from "./source.ts";

const BYTES = Buffer.concat([Buffer.from("\0asm\u000d\0\u0001\0", "latin1"), Buffer.alloc(100_000, "petiole")]);
const sha256 = (bytes: Uint8Array): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
const none = new AbortController().signal;

type Script = (offset: number, signal: AbortSignal) => Opened | Promise<Opened>;

/** A source that plays one script after another, and says at which offsets it was asked. */
function play(...scripts: Script[]): { readonly open: DownloadRequest["open"]; readonly offsets: number[] } {
  const offsets: number[] = [];
  return {
    offsets,
    open: async (offset, signal) => {
      offsets.push(offset);
      const script = scripts[Math.min(offsets.length, scripts.length) - 1]!;
      return await script(offset, signal);
    },
  };
}

async function* pieces(bytes: Uint8Array, end?: () => Promise<never>): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += 10_000) yield bytes.subarray(at, at + 10_000);
  await end?.();
}
const broken = async (): Promise<never> => {
  throw new PetioleError("ERR_ARTIFACT_UNREACHABLE", "Cannot go on: the link is cut");
};
const whole: Script = (offset) => ({ start: offset, chunks: pieces(BYTES.subarray(offset)) });
const until =
  (end: number): Script =>
  (offset) => ({ start: offset, chunks: pieces(BYTES.subarray(offset, end), broken) });

async function rig(open: DownloadRequest["open"], more: Partial<DownloadRequest> = {}) {
  const folder = await tempFolder();
  const request: DownloadRequest = {
    name: "app",
    digest: sha256(BYTES),
    size: BYTES.byteLength,
    part: join(folder.path, "app.part"),
    file: join(folder.path, "app.wasm"),
    open,
    stall: seconds(20),
    clock: systemClock,
    backoff: { initial: millis(1), max: millis(1) },
    ...more,
  };
  const exists = (path: string): Promise<boolean> =>
    access(path).then(
      () => true,
      () => false,
    );
  return {
    request,
    run: () => download(request, none),
    left: async () => ({ part: await exists(request.part), file: await exists(request.file) }),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

describe("download()", () => {
  test("brings the bytes under the final name", async ({ expect }) => {
    const seen: number[] = [];
    await using one = await rig(play(whole).open, { onProgress: (bytes) => seen.push(bytes) });
    expect(await one.run()).toEqual({ received: BYTES.byteLength, resumedFrom: 0 });
    expect(await readFile(one.request.file)).toEqual(BYTES);
    expect(await one.left()).toEqual({ part: false, file: true });
    expect(seen.at(-1)).toBe(BYTES.byteLength);
  });

  test("goes on where a broken connection ended", async ({ expect }) => {
    const source = play(until(70_000), until(90_000), whole);
    await using one = await rig(source.open);
    expect(await one.run()).toEqual({ received: BYTES.byteLength, resumedFrom: 0 });
    expect(source.offsets).toEqual([0, 70_000, 90_000]);
  });

  test("goes on from what an earlier try left", async ({ expect }) => {
    const source = play(whole);
    await using one = await rig(source.open);
    await writeFile(one.request.part, BYTES.subarray(0, 70_000));
    expect(await one.run()).toEqual({ received: BYTES.byteLength - 70_000, resumedFrom: 70_000 });
    expect(source.offsets).toEqual([70_000]);
    expect(await readFile(one.request.file)).toEqual(BYTES);
  });

  test("needs no source when only the last step was missing", async ({ expect }) => {
    const source = play(broken);
    await using one = await rig(source.open);
    await writeFile(one.request.part, BYTES);
    expect(await one.run()).toEqual({ received: 0, resumedFrom: BYTES.byteLength });
    expect(source.offsets).toEqual([]);
  });

  test("begins anew when the rest does not fit what was left", async ({ expect }) => {
    const source = play(whole);
    await using one = await rig(source.open);
    await writeFile(one.request.part, Buffer.alloc(70_000));
    expect(await one.run()).toMatchObject({ resumedFrom: 70_000 });
    expect(source.offsets).toEqual([70_000, 0]);
    expect(await readFile(one.request.file)).toEqual(BYTES);
  });

  test("begins anew when what was left is longer than the whole", async ({ expect }) => {
    await using one = await rig(play(whole).open);
    await writeFile(one.request.part, Buffer.alloc(BYTES.byteLength + 1));
    expect(await one.run()).toMatchObject({ resumedFrom: 0 });
  });

  test("takes a source that always begins at the start", async ({ expect }) => {
    const source = play(until(70_000), () => ({ start: 0, chunks: pieces(BYTES) }));
    await using one = await rig(source.open);
    expect(await one.run()).toMatchObject({ received: 70_000 + BYTES.byteLength });
    expect(await readFile(one.request.file)).toEqual(BYTES);
  });

  test("throws away what does not fit its digest", async ({ expect }) => {
    const wrong = Buffer.from(BYTES);
    wrong[50_000]! ^= 1;
    await using one = await rig(play((offset) => ({ start: offset, chunks: pieces(wrong.subarray(offset)) })).open);
    await expect(one.run()).rejects.toMatchObject({ code: "ERR_ARTIFACT_DIGEST" });
    expect(await one.left()).toEqual({ part: false, file: false });
  });

  test("refuses more bytes than there should be", async ({ expect }) => {
    const long = Buffer.concat([BYTES, BYTES]);
    await using one = await rig(play(() => ({ start: 0, chunks: pieces(long) })).open);
    await expect(one.run()).rejects.toMatchObject({ code: "ERR_ARTIFACT_DIGEST" });
    expect(await one.left()).toEqual({ part: false, file: false });
  });

  test("refuses other things than WebAssembly with their first bytes", async ({ expect }) => {
    let asked = 0;
    async function* tar(): AsyncGenerator<Uint8Array> {
      for (const text of ["\0a", "bc", "more", "more"]) {
        asked++;
        yield Buffer.from(text);
      }
    }
    await using one = await rig(play(() => ({ start: 0, chunks: tar() })).open);
    await expect(one.run()).rejects.toMatchObject({ code: "ERR_ARTIFACT_FORMAT" });
    expect(asked).toBe(2);
  });

  test("gives up after tries that bring nothing, and keeps what it has", async ({ expect }) => {
    const source = play(until(70_000), broken);
    await using one = await rig(source.open);
    await expect(one.run()).rejects.toMatchObject({ code: "ERR_ARTIFACT_UNREACHABLE" });
    expect(source.offsets).toEqual([0, 70_000, 70_000, 70_000, 70_000]);
    expect((await readFile(one.request.part)).equals(BYTES.subarray(0, 70_000))).toBe(true);
  });

  test("gives up a connection on which nothing comes, and goes on with another", async ({ expect }) => {
    const silent: Script = (offset, signal) => ({
      start: offset,
      chunks: pieces(BYTES.subarray(offset, 20_000), () => {
        const { promise, reject } = Promise.withResolvers<never>();
        signal.addEventListener("abort", () => reject(signal.reason as Error));
        return promise;
      }),
    });
    const source = play(silent, whole);
    await using one = await rig(source.open, { stall: millis(30) });
    await one.run();
    expect(source.offsets).toEqual([0, 20_000]);
  });

  test("stops when told to, and keeps what it has", async ({ expect }) => {
    const stop = new AbortController();
    const source = play(whole);
    await using one = await rig(source.open, {
      onProgress: (bytes) => bytes === 50_000 && stop.abort(new Error("enough")),
    });
    await expect(download(one.request, stop.signal)).rejects.toThrow("enough");
    expect((await readFile(one.request.part)).equals(BYTES.subarray(0, 50_000))).toBe(true);
    expect(source.offsets).toEqual([0]);
  });

  test("gives a full disk back what it took", async ({ expect, skip }) => {
    const disk = await smallDisk();
    if (skipping(disk === undefined, "the download onto a full disk", "no file system may be mounted here")) skip();
    await using folder = disk!;
    const big = Buffer.concat([BYTES, Buffer.alloc(2 * 1024 ** 2)]);
    const request = {
      digest: sha256(big),
      size: big.byteLength,
      part: join(folder.path, "app.part"),
      file: join(folder.path, "app.wasm"),
    };
    await using one = await rig(
      play((offset) => ({ start: offset, chunks: pieces(big.subarray(offset)) })).open,
      request,
    );
    await expect(one.run()).rejects.toMatchObject({ code: "ERR_ARTIFACT_DISK" });
    expect(await one.left()).toEqual({ part: false, file: false });
  });
});
