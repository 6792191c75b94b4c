// Pins: an entry that is intact but made of what cannot be used costs one line in the log, and no start; what is made
// instead of it is there for the next start.

import { createSecretKey, generateKeyPairSync } from "node:crypto";
import { copyFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { serialize } from "node:v8";
import { describe, test } from "vitest";
import { silentLogger } from "../../../src/lib/log.ts";
import { signEntry } from "../../../src/runtime/aot/signed-entry.ts";
import { createEngineReader, engineKey } from "../../../src/runtime/prepare/engine-key.ts";
import { createEntryCache, type EntryCache } from "../../../src/runtime/prepare/entry-cache.ts";
import type { EntryContent } from "../../../src/runtime/prepare/entry-format.ts";
import type { EntryId } from "../../../src/runtime/prepare/seal.ts";
import { bare, fixture, openRuntime, type LogEntry } from "./support.ts";
import { tempFolder } from "../../support/processes.ts";

const UNUSABLE = "Component made ready before cannot be used and is made again";
const TAKEN = "Component compiled ahead of time is taken";

const garbage = (machineCode: Uint8Array | undefined) => (content: EntryContent) => ({
  ...content,
  modules: new Map([...content.modules.keys()].map((name) => [name, { wireBytes: Uint8Array.of(1, 2), machineCode }])),
});
const SPOILT: readonly (readonly [what: string, spoil: (content: EntryContent) => EntryContent])[] = [
  ["whose modules do not compile", garbage(undefined)],
  ["whose modules do not compile, with machine code", garbage(Uint8Array.of(1, 2, 3))],
  ["whose inspection cannot be read", (content) => ({ ...content, inspection: Uint8Array.of(1, 2, 3) })],
  ["whose inspection is something else", (content) => ({ ...content, inspection: serialize(undefined) })],
];

const SIGNER = generateKeyPairSync("ed25519");

/** Starts the component, checks that it works, and gives what is in the log once everything is written. */
async function start(cacheDir: string, file: string): Promise<readonly LogEntry[]> {
  await using host = openRuntime(cacheDir, { trustedKeys: [SIGNER.publicKey] });
  {
    const prepared = await host.runtime.prepare(file, AbortSignal.timeout(60_000));
    await using component = await host.startPrepared(prepared);
    await bare(component, "ok");
  }
  return host.entries;
}

async function openCache(cacheDir: string): Promise<EntryCache> {
  const key = createSecretKey(await readFile(join(cacheDir, "cache.key")));
  return createEntryCache({ folder: join(cacheDir, "components"), key, durable: true, quota: 1e9, log: silentLogger });
}

/** The entry that starting the component makes. */
async function makeEntry(
  cacheDir: string,
  file: string,
): Promise<{ readonly id: EntryId; readonly content: EntryContent }> {
  const log = await start(cacheDir, file);
  const component = log.find(({ message }) => message === "Component linked")?.["digest"] as string; // As prepare() logs it.
  const cache = await openCache(cacheDir);
  const [id] = await cache.find({ component, engineKey: engineKey(createEngineReader()()) });
  const content = id === undefined ? undefined : await cache.load(id);
  if (id === undefined || content === undefined) throw new Error("no entry was made");
  return { id, content };
}

const warnings = (log: readonly LogEntry[]): readonly string[] =>
  log.filter(({ level }) => level === "warn").map(({ message }) => message);
const linked = (log: readonly LogEntry[]): number => log.filter(({ message }) => message === "Component linked").length;

describe("Runtime.start()", () => {
  for (const [what, spoil] of SPOILT) {
    test(`makes an entry of its own again ${what}`, async ({ expect }) => {
      await using folder = await tempFolder();
      const { id, content } = await makeEntry(folder.path, fixture("bare"));
      expect(await (await openCache(folder.path)).store(id, spoil(content))).toBe(true);
      const log = await start(folder.path, fixture("bare"));
      expect(warnings(log)).toEqual([UNUSABLE]);
      expect(linked(log)).toBe(1);
      const again = await start(folder.path, fixture("bare"));
      expect(warnings(again)).toEqual([]);
      expect(linked(again)).toBe(0);
    });

    test(`makes an entry of its own instead of one of a trusted signer ${what}`, async ({ expect }) => {
      await using folder = await tempFolder();
      const file = join(folder.path, "app.wasm");
      await copyFile(fixture("bare"), file);
      const { content } = await makeEntry(join(folder.path, "elsewhere"), file);
      await writeFile(`${file}.aot`, Buffer.concat(await signEntry(spoil(content), SIGNER.privateKey)));
      const cacheDir = join(folder.path, "cache");
      const log = await start(cacheDir, file);
      expect(log.map(({ message }) => message)).toContain(TAKEN);
      expect(warnings(log)).toEqual([UNUSABLE]);
      expect(linked(log)).toBe(1);
      const again = await start(cacheDir, file);
      expect(warnings(again)).toEqual([]);
      expect(linked(again)).toBe(0);
    });
  }
});
