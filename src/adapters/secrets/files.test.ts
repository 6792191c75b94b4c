import { chmod, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { execFileSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "vitest";
import { SecretReference, type SecretName } from "../../domain/secret.ts";
import { seconds } from "../../domain/units.ts";
import { createFileSecrets } from "./files.ts";

async function folder() {
  const path = await mkdtemp(join(tmpdir(), "petiole-secrets-"));
  const backend = createFileSecrets({ folder: path, refresh: seconds(2), checkModes: true });
  return {
    path,
    read: async (name: SecretName) =>
      await backend.read({ reference: new SecretReference(name), asker: "p" }, new AbortController().signal),
    put: async (name: string, content: string | Uint8Array, mode = 0o600) => {
      await writeFile(join(path, name), content);
      await chmod(join(path, name), mode);
    },
    [Symbol.asyncDispose]: async () => await rm(path, { recursive: true, force: true }),
  };
}

describe("createFileSecrets()", () => {
  test("reads text without its last line end, and bytes as they are", async ({ expect }) => {
    await using box = await folder();
    await box.put("a", "two\nlines\n");
    await box.put("b", Uint8Array.of(0xff, 0));
    await box.put("c", "");
    expect(await box.read({ secret: "a" })).toBe("two\nlines");
    expect(await box.read({ secret: "b" })).toEqual(Uint8Array.of(0xff, 0));
    expect(await box.read({ secret: "c" })).toBe("");
  });

  test("reads a field of a JSON object", async ({ expect }) => {
    await using box = await folder();
    await box.put("db", '{"user":"me","port":5432}');
    expect(await box.read({ secret: "db", field: "user" })).toBe("me");
    expect(await box.read({ secret: "db", field: "port" })).toBe("5432");
    await expect(box.read({ secret: "db", field: "toString" })).rejects.toMatchObject({ code: "ERR_SECRET_NOT_FOUND" });
    await box.put("text", "marker-value");
    const error = await box.read({ secret: "text", field: "x" }).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: "ERR_SECRET_INVALID" });
    expect(String(error)).not.toContain("marker-value");
  });

  test.for([0o604, 0o644, 0o666, 0o660, 0o602])("refuses a file of mode %o", async (mode, { expect }) => {
    await using box = await folder();
    await box.put("a", "x", mode);
    await expect(box.read({ secret: "a" })).rejects.toMatchObject({
      code: "ERR_SECRET_DENIED",
      message: expect.stringContaining(`its mode is 0${mode.toString(8)}`),
    });
  });

  test("takes a file that its group may read, and one behind a link", async ({ expect }) => {
    await using box = await folder();
    await box.put("a", "x", 0o640);
    await symlink("a", join(box.path, "b"));
    expect(await box.read({ secret: "b" })).toBe("x");
  });

  test.for(["../a", "..", "a/b", "", "/etc/passwd", ".hidden", "a\0b"])(
    "takes %j for no name",
    async (name, { expect }) => {
      await using box = await folder();
      await expect(box.read({ secret: name })).rejects.toMatchObject({ code: "ERR_SECRET_NOT_FOUND" });
    },
  );

  test("refuses what is no file, too large or not there, and versions", async ({ expect }) => {
    await using box = await folder();
    execFileSync("mkfifo", ["-m", "600", join(box.path, "pipe")]);
    await box.put("big", "x".repeat(65_537));
    await box.put("a", "x");
    await expect(box.read({ secret: "pipe" })).rejects.toMatchObject({ code: "ERR_SECRET_INVALID" });
    await expect(box.read({ secret: "big" })).rejects.toMatchObject({ code: "ERR_SECRET_INVALID" });
    await expect(box.read({ secret: "gone" })).rejects.toMatchObject({ code: "ERR_SECRET_NOT_FOUND" });
    await expect(box.read({ secret: "a", version: "2" })).rejects.toMatchObject({ code: "ERR_SECRET_NOT_FOUND" });
  });
});
