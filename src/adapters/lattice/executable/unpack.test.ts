import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, test } from "vitest";
import { bytes, mebibytes } from "../../../domain/units.ts";
import { createIssuer, hashOf, providerArchive, providerClaims, tar } from "../../../../test/support/provider-files.ts";
import type { Machine } from "./machine.ts";
import { unpackExecutable, type UnpackOptions } from "./unpack.ts";

const ARM: Machine = { target: "aarch64-linux", elf: 183 };

/** The head of a binary for a machine, and something behind it. */
function binary(machine: number, size = 100_000): Buffer {
  const content = Buffer.alloc(size, 7);
  content.set([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
  content.writeUInt16LE(machine, 18);
  return content;
}
const arm = binary(183);
const intel = binary(62);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "petiole-unpack-"));
});
afterAll(async () => await rm(folder, { recursive: true, force: true }));

async function unpack(content: Uint8Array, more: Partial<UnpackOptions> = {}) {
  const source = join(folder, "source");
  await writeFile(source, content);
  return await unpackExecutable(
    {
      source,
      into: join(folder, "store"),
      machine: ARM,
      maxSize: mebibytes(1),
      verify: async () => {},
      ...more,
    },
    new AbortController().signal,
  );
}

const both = { "x86_64-linux": intel, "aarch64-linux": arm };

describe("unpackExecutable()", () => {
  test("takes the binary for this machine out of an archive, packed or not", async ({ expect }) => {
    const claims = Buffer.from(providerClaims(both));
    const plain = tar([
      { name: "x86_64-linux.bin", content: intel },
      { name: "aarch64-linux.bin", content: arm },
      // Some writers have the claims last.
      { name: "claims.jwt", content: claims },
      { name: "world.wasm", content: Buffer.from("no matter") },
    ]);
    for (const content of [providerArchive(both), plain, gzipSync(plain)]) {
      const found = await unpack(content);
      expect(found).toMatchObject({ hash: hashOf(arm), size: content.length });
      expect(found.digest).toBe(`sha256:${hashOf(content).toLowerCase()}`);
      expect(found.claims).toMatchObject({ name: "Test provider", version: "1.2.3", revision: 4 });
      expect(await readFile(join(folder, "store"))).toEqual(arm);
      expect((await stat(join(folder, "store"))).mode & 0o777).toBe(0o700);
    }
  });

  test("takes an executable as it is: a binary for this machine, or a script", async ({ expect }) => {
    for (const content of [arm, Buffer.from("#!/bin/sh\nexit 0\n")]) {
      expect(await unpack(content)).toMatchObject({ hash: hashOf(content), claims: undefined });
      expect(await readFile(join(folder, "store"))).toEqual(content);
    }
  });

  const wrongHash = { hashes: { "aarch64-linux": hashOf(intel) } };
  const packed = providerArchive(both);
  const forged = providerClaims(both).split(".");
  const other = providerClaims(both, { name: "Another" }).split(".");
  const swapped = [forged[0], other[1], forged[2]].join(".");
  const withClaims = (token: string): Buffer =>
    tar([
      { name: "claims.jwt", content: Buffer.from(token) },
      { name: "aarch64-linux.bin", content: arm },
    ]);
  const damaged = Buffer.from(packed);
  damaged.fill(0x55, 60, 90);
  const refusals: readonly (readonly [string, Uint8Array, string, RegExp, Partial<UnpackOptions>?])[] = [
    [
      "another machine's archive",
      providerArchive({ "x86_64-linux": intel }),
      "ERR_EXECUTABLE_TARGET",
      /binaries for x86_64-linux, want aarch64-linux/,
    ],
    ["another machine's binary", intel, "ERR_EXECUTABLE_TARGET", /its binary is for x86_64-linux, want aarch64-linux/],
    [
      "another machine's binary in the place of ours",
      providerArchive({ "aarch64-linux": intel }),
      "ERR_EXECUTABLE_TARGET",
      /its binary is for x86_64-linux/,
    ],
    ["claims for other bytes", providerArchive(both, wrongHash), "ERR_EXECUTABLE_DIGEST", /its claims have the hash/],
    [
      "claims without a hash",
      providerArchive(both, { hashes: {} }),
      "ERR_EXECUTABLE_DIGEST",
      /its claims have no hash for aarch64-linux/,
    ],
    ["claims that were changed", withClaims(swapped), "ERR_EXECUTABLE_FORMAT", /signature of its claims does not fit/],
    ["claims that are none", withClaims("a.b.c"), "ERR_EXECUTABLE_FORMAT", /claims cannot be read/],
    ["no claims", tar([{ name: "aarch64-linux.bin", content: arm }]), "ERR_EXECUTABLE_FORMAT", /it has no claims\.jwt/],
    [
      "an archive that is cut off",
      packed.subarray(0, packed.length - 40),
      "ERR_EXECUTABLE_FORMAT",
      /it is damaged|cut off/,
    ],
    [
      "a tar that is cut off",
      tar([{ name: "aarch64-linux.bin", content: arm }]).subarray(0, 5000),
      "ERR_EXECUTABLE_FORMAT",
      /cut off within "aarch64-linux\.bin"/,
    ],
    ["an archive that is damaged", damaged, "ERR_EXECUTABLE_FORMAT", /Cannot unpack/],
    [
      "something else",
      Buffer.from("just text"),
      "ERR_EXECUTABLE_FORMAT",
      /neither a provider archive nor an executable/,
    ],
    ["an empty file", Buffer.alloc(0), "ERR_EXECUTABLE_FORMAT", /neither/],
    [
      "a file that is too large",
      arm,
      "ERR_EXECUTABLE_TOO_LARGE",
      /it has 100000 bytes, want at most 99999/,
      { maxSize: bytes(99_999) },
    ],
    [
      "a binary that is too large once unpacked",
      providerArchive(both),
      "ERR_EXECUTABLE_TOO_LARGE",
      /more than 50000 bytes/,
      { maxSize: bytes(50_000) },
    ],
    [
      "more than anything may unpack to",
      gzipSync(tar([{ name: "padding", content: Buffer.alloc(2_000_000) }])),
      "ERR_EXECUTABLE_TOO_LARGE",
      /unpacks to more than 800000/,
      { maxSize: bytes(100_000) },
    ],
    [
      "another digest than is wanted",
      arm,
      "ERR_EXECUTABLE_DIGEST",
      /want sha256:0{64}/,
      { digest: `sha256:${"0".repeat(64)}` },
    ],
  ];
  test.for(refusals)("refuses %s, and leaves nothing behind", async ([, content, code, reason, more], { expect }) => {
    await writeFile(join(folder, "store"), "what was there");
    const refused = unpack(content, more);
    await expect(refused).rejects.toThrow(reason);
    await expect(refused).rejects.toMatchObject({ code });
    expect(await readFile(join(folder, "store"), "utf8")).toBe("what was there");
    expect((await readdir(folder)).sort()).toEqual(["source", "store"]);
  });

  test("refuses what is no file, or is not there", async ({ expect }) => {
    for (const source of [folder, join(folder, "nothing"), "/dev/zero"]) {
      await expect(unpack(arm, { source })).rejects.toMatchObject({ code: "ERR_EXECUTABLE_UNREADABLE" });
    }
  });

  test("asks before the executable takes its place, with what it is", async ({ expect }) => {
    await rm(join(folder, "store"), { force: true });
    const issuer = createIssuer();
    const refused = unpack(providerArchive(both, { issuer }), {
      verify: async ({ hash, claims }) => {
        expect([hash, claims?.issuer]).toEqual([hashOf(arm), issuer.getPublicKey()]);
        throw new Error("not trusted");
      },
    });
    await expect(refused).rejects.toThrow(/not trusted/);
    expect(await readdir(folder)).toEqual(["source"]);
  });

  test("ends when it is told to", async ({ expect }) => {
    const stop = new AbortController();
    const reason = new Error("enough");
    const options = {
      source: join(folder, "source"),
      into: join(folder, "store"),
      machine: ARM,
      maxSize: mebibytes(1),
    };
    await writeFile(options.source, providerArchive(both));
    const unpacking = unpackExecutable({ ...options, verify: async () => stop.abort(reason) }, stop.signal);
    await expect(unpacking).rejects.toBe(reason);
  });
});
