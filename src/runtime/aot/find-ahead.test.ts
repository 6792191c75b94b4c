import { execFileSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "vitest";
import { createEngineReader } from "../prepare/engine-key.ts";
import type { EntryContent } from "../prepare/entry-format.ts";
import { findAhead } from "./find-ahead.ts";
import { signEntry } from "./signed-entry.ts";
import { tempFolder } from "../../../test/support/processes.ts";

const { privateKey, publicKey } = generateKeyPairSync("ed25519");
const engine = createEngineReader()();
const LIMITS = { maxPages: 16, maxTableEntries: 100 };
const CONTENT: EntryContent = {
  component: `sha256:${"1".repeat(64)}`,
  engine,
  limits: LIMITS,
  warmUpCalls: 0,
  inspection: Uint8Array.of(8),
  glue: { kind: "linked", script: "glue", codeCache: undefined },
  modules: new Map(),
};
const WANTED = { component: CONTENT.component, engine, limits: LIMITS };

describe("findAhead()", () => {
  test("passes by what is no file, or too large, and takes what comes after it", async ({ expect }) => {
    await using folder = await tempFolder();
    const app = join(folder.path, "app.wasm");
    execFileSync("mkfifo", [`${app}.a.aot`]);
    await writeFile(`${app}.b.aot`, "");
    await truncate(`${app}.b.aot`, 2 ** 30);
    await writeFile(`${app}.c.aot`, Buffer.concat(await signEntry(CONTENT, privateKey)));
    const { taken, refused } = await findAhead(app, [publicKey], WANTED, new AbortController().signal);
    expect(taken).toEqual({ file: `${app}.c.aot`, content: CONTENT });
    expect(refused.map(({ refusal }) => refusal)).toEqual([
      { reason: "damaged", found: "it is not a regular file" },
      { reason: "damaged", found: "it has 1073741824 bytes, want at most 268435456" },
    ]);
  });

  test("stops when it is aborted", async ({ expect }) => {
    await using folder = await tempFolder();
    const app = join(folder.path, "app.wasm");
    await writeFile(`${app}.aot`, Buffer.concat(await signEntry(CONTENT, privateKey)));
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(findAhead(app, [publicKey], WANTED, signal)).rejects.toThrow("enough");
  });
});
