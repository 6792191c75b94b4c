import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { zstdCompressSync } from "node:zlib";
import { afterEach, beforeEach, describe, test } from "vitest";
import { unpackServer, type PackedServer } from "./packed-server.ts";

const PROGRAM = "#!/bin/sh\necho nats-server: v2.14.9\n";

interface Counted extends PackedServer {
  reads: number;
}

function packed(program = PROGRAM, sha256 = createHash("sha256").update(program).digest("hex")): Counted {
  return {
    version: "2.14.9",
    sha256,
    reads: 0,
    read() {
      this.reads += 1;
      return zstdCompressSync(program);
    },
  };
}

let outer = "";
let folder = "";
beforeEach(async () => {
  outer = await mkdtemp(join(tmpdir(), "petiole-packed-"));
  folder = join(outer, "nats-server");
});
afterEach(async () => await rm(outer, { recursive: true, force: true }));

describe("unpackServer()", () => {
  test("unpacks once, for the owner to run", async ({ expect }) => {
    const server = packed();
    const path = await unpackServer(server, folder);
    expect(await readFile(path, "utf8")).toBe(PROGRAM);
    expect((await stat(path)).mode & 0o777).toBe(0o700);
    expect(await unpackServer(server, folder)).toBe(path);
    expect(server.reads).toBe(1);
  });

  test("replaces what was changed or cut off", async ({ expect }) => {
    const server = packed();
    const path = await unpackServer(server, folder);
    await writeFile(path, PROGRAM.slice(0, 10));
    await unpackServer(server, folder);
    expect(await readFile(path, "utf8")).toBe(PROGRAM);
    expect(server.reads).toBe(2);
  });

  test("removes other versions and what a power cut left", async ({ expect }) => {
    await mkdir(join(folder, "other"), { recursive: true });
    await writeFile(join(folder, "other/nats-server.1.tmp"), "half");
    const path = await unpackServer(packed(), folder);
    expect(await readdir(folder)).toEqual([dirname(path).slice(folder.length + 1)]);
  });

  test("refuses a program that is not the one it says, and keeps what was there", async ({ expect }) => {
    const path = await unpackServer(packed(), folder);
    const wrong = packed("something else", "0".repeat(64));
    await expect(unpackServer(wrong, folder)).rejects.toMatchObject({
      code: "ERR_LEAF_SERVER",
      message: expect.stringContaining("digest"),
    });
    expect(await readFile(path, "utf8")).toBe(PROGRAM);
  });

  test("says why when the folder cannot be written", async ({ expect }) => {
    await writeFile(folder, "a file");
    await chmod(folder, 0o400);
    await expect(unpackServer(packed(), folder)).rejects.toMatchObject({ code: "ERR_LEAF_SERVER" });
  });
});
