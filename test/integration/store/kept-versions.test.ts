// Contract: a copy is whole and what its digest says, whatever happens to the file that it came from; copies have a bound.

import { appendFile, copyFile, mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "vitest";
import { createKeptVersions } from "../../../src/adapters/store/index.ts";
import { kibibytes } from "../../../src/domain/units.ts";
import { tempFolder } from "../../support/processes.ts";
import { digestOf } from "../../support/signed-components.ts";

async function world() {
  const folder = await tempFolder();
  const artifacts = join(folder.path, "artifacts");
  await mkdir(artifacts);
  const kept = createKeptVersions({
    folder: join(folder.path, "versions"),
    maxSize: kibibytes(4),
    isFinal: (file) => file.startsWith(artifacts),
    besides: [".sig"],
  });
  const write = async (name: string, content: string): Promise<{ file: string; digest: string }> => {
    const file = join(folder.path, name);
    await writeFile(file, content);
    return { file, digest: digestOf(content) };
  };
  return { folder, kept, write };
}

describe("kept versions", () => {
  test("outlive their file, with what vouches for them, and go when nobody needs them", async ({ expect }) => {
    const { folder, kept, write } = await world();
    await using _ = folder;
    const { file, digest } = await write("app.wasm", "one");
    await write("app.wasm.sig", "signature");
    expect(await kept.find(digest)).toBeUndefined();
    await kept.keep(file, digest);
    await appendFile(file, " and more");
    const copy = (await kept.find(digest)) ?? "";
    expect(await readFile(copy, "utf8")).toBe("one");
    expect(await readFile(`${copy}.sig`, "utf8")).toBe("signature");
    // The file has other bytes now, but nothing is asked of it.
    await kept.keep(file, digest);
    await kept.retain(new Set([digest]));
    expect(await kept.find(digest)).toBe(copy);
    await kept.retain(new Set());
    expect(await readdir(join(folder.path, "versions"))).toEqual([]);
  });

  test("are not made of other bytes, and what a power cut left is no copy", async ({ expect }) => {
    const { folder, kept, write } = await world();
    await using _ = folder;
    const { file } = await write("app.wasm", "one");
    const digest = digestOf("two");
    await expect(kept.keep(file, digest)).rejects.toMatchObject({ code: "ERR_COMPONENT_DIGEST" });
    expect(await kept.find(digest)).toBeUndefined();
    const half = join(folder.path, "versions", `${digest.slice("sha256:".length)}.wasm.tmp`);
    await writeFile(half, "tw");
    expect(await kept.find(digest)).toBeUndefined();
    const two = await write("two.wasm", "two");
    await kept.keep(two.file, digest);
    expect(await kept.find(digest)).toBeDefined();
    await copyFile(two.file, half);
    await kept.retain(new Set([digest]));
    expect(await readdir(join(folder.path, "versions"))).toHaveLength(1);
  });

  test("are another name of an artifact, which is there when the artifact goes", async ({ expect }) => {
    const { folder, kept, write } = await world();
    await using _ = folder;
    const { file, digest } = await write("artifacts/blob", "image");
    await kept.keep(file, digest);
    const copy = (await kept.find(digest)) ?? "";
    expect((await stat(copy)).ino).toBe((await stat(file)).ino);
    await rm(file);
    expect(await readFile(copy, "utf8")).toBe("image");
  });

  test("take no more than they may", async ({ expect }) => {
    const { folder, kept, write } = await world();
    await using _ = folder;
    const [one, two] = [await write("one.wasm", "1".repeat(3000)), await write("two.wasm", "2".repeat(3000))];
    await kept.keep(one.file, one.digest);
    await expect(kept.keep(two.file, two.digest)).rejects.toMatchObject({
      code: "ERR_ARTIFACT_DISK",
      message: expect.stringContaining("3000 of 4096"),
    });
    await kept.retain(new Set([two.digest]));
    await kept.keep(two.file, two.digest);
    await expect(kept.keep(join(folder.path, "nowhere.wasm"), digestOf("x"))).rejects.toMatchObject({
      code: "ERR_ARTIFACT_DISK",
    });
  });
});
