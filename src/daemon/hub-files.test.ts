import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nkeys } from "@nats-io/transport-node";
import { test } from "vitest";
import { checkHubFiles } from "./hub-files.ts";

test("checkHubFiles() tells what is wrong with a file, without showing what is in it", async ({ expect }) => {
  const folder = await mkdtemp(join(tmpdir(), "petiole-hub-files-"));
  try {
    const file = join(folder, "file");
    const seed = new TextDecoder().decode(nkeys.createUser().getSeed());
    const jwt = "-----BEGIN NATS USER JWT-----\nhead.body.sign\n------END NATS USER JWT------\n";
    const found = async (content: string, key: "credentials_file" | "nkey_file"): Promise<string> => {
      await writeFile(file, content);
      return await checkHubFiles({ [key]: file }).then(
        () => "fine",
        (error: Error) => error.message.replace(file, "FILE"),
      );
    };
    expect(await found(`${jwt}\n${seed}\n`, "credentials_file")).toBe("fine");
    expect(await found(jwt, "credentials_file")).toBe('"FILE" holds no nkey seed');
    expect(await found(seed, "credentials_file")).toBe('"FILE" holds no user JWT');
    expect(await found("", "credentials_file")).toBe('"FILE" holds no user JWT');
    expect(await found(`${seed}\n`, "nkey_file")).toBe("fine");
    const cut = await found(seed.slice(0, 30), "nkey_file");
    expect(cut).toBe('"FILE" holds no nkey seed');
    await expect(checkHubFiles({ nkey_file: join(folder, "missing") })).rejects.toThrow(/ENOENT/);
    await writeFile(file, "no certificate");
    const tls = { cert_file: file, key_file: file, handshake_first: false };
    await expect(checkHubFiles({ tls })).rejects.toThrow();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
