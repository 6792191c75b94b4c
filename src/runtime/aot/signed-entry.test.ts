import { generateKeyPairSync } from "node:crypto";
import { describe, test } from "vitest";
import { createEngineReader } from "../prepare/engine-key.ts";
import type { EntryContent } from "../prepare/entry-format.ts";
import {
  describeRefusal,
  keyName,
  openSignedEntry,
  signEntry,
  unwrapSignedEntry,
  type Refusal,
} from "./signed-entry.ts";

const { privateKey, publicKey } = generateKeyPairSync("ed25519");
const stranger = generateKeyPairSync("ed25519");
const engine = createEngineReader()();
const LIMITS = { maxPages: 16, maxTableEntries: 100 };
const CONTENT: EntryContent = {
  component: `sha256:${"1".repeat(64)}`,
  engine,
  limits: LIMITS,
  warmUpCalls: 5,
  inspection: Uint8Array.of(8),
  glue: { kind: "linked", script: "glue", codeCache: Uint8Array.of(1) },
  modules: new Map([["0", { wireBytes: Uint8Array.of(2), machineCode: Uint8Array.of(3) }]]),
};
const WANTED = { component: CONTENT.component, engine, limits: LIMITS };

const signed = async (content: EntryContent): Promise<Uint8Array<ArrayBuffer>> =>
  new Uint8Array(Buffer.concat(await signEntry(content, privateKey)));
const open = (file: Uint8Array<ArrayBuffer>, wanted = WANTED, trusted = [stranger.publicKey, publicKey]) =>
  openSignedEntry(file, trusted, wanted);
const refusal = async (opening: ReturnType<typeof open>): Promise<Refusal | undefined> => {
  const outcome = await opening;
  return "refusal" in outcome ? outcome.refusal : undefined;
};

describe("openSignedEntry()", () => {
  test("gives what a trusted key has signed", async ({ expect }) => {
    const file = await signed(CONTENT);
    expect(await open(file)).toEqual({ content: CONTENT });
    expect(await openSignedEntry(file, [publicKey], { ...WANTED, limits: undefined })).toEqual({ content: CONTENT });
  });

  test("takes another processor: what matters of it is V8's to compare", async ({ expect }) => {
    const content = { ...CONTENT, engine: { ...engine, cpu: "other" } };
    expect(await open(await signed(content))).toEqual({ content });
  });

  test("refuses what no trusted key has signed, and says who did", async ({ expect }) => {
    for (const trusted of [[], [stranger.publicKey]]) {
      expect(await refusal(open(await signed(CONTENT), WANTED, trusted))).toEqual({
        reason: "untrusted-signer",
        signer: keyName(publicKey),
      });
    }
  });

  test("refuses what was changed or cut off anywhere", async ({ expect }) => {
    const whole = await signed(CONTENT);
    for (let index = 0; index < whole.byteLength; index++) {
      const changed = Uint8Array.from(whole);
      changed[index] = (whole[index] ?? 0) ^ (1 << (index % 8));
      const reason = index >= 8 && index < 40 ? "untrusted-signer" : "damaged";
      expect((await refusal(open(changed)))?.reason, `byte ${index}`).toBe(reason);
      expect((await refusal(open(whole.slice(0, index))))?.reason, `${index} bytes`).toBe("damaged");
    }
  });

  test("refuses a signature by another key under a trusted key's name", async ({ expect }) => {
    const forged = new Uint8Array(Buffer.concat(await signEntry(CONTENT, stranger.privateKey)));
    forged.set((await signed(CONTENT)).subarray(8, 40), 8);
    expect((await refusal(open(forged)))?.reason).toBe("damaged");
  });

  test("refuses what is for something else, and says for what", async ({ expect }) => {
    const file = await signed(CONTENT);
    expect(await refusal(open(file, { ...WANTED, component: "sha256:2" }))).toEqual({
      reason: "other-component",
      found: CONTENT.component,
    });
    expect(await refusal(open(file, { ...WANTED, limits: { ...LIMITS, maxPages: 17 } }))).toEqual({
      reason: "other-limits",
      found: LIMITS,
    });
    const other = { ...engine, v8: "1", memoryProtection: "unknown" as const };
    expect(await refusal(open(file, { ...WANTED, engine: other }))).toEqual({
      reason: "other-engine",
      differs: ["v8", "memoryProtection"],
      found: engine,
    });
  });
});

describe("openSignedEntry() of a large entry", () => {
  const large = { ...CONTENT, inspection: new Uint8Array(1_000_000) };

  test("lets other work have its turn, and stops when it is aborted", async ({ expect }) => {
    const file = await signed(large);
    const abort = new AbortController();
    setImmediate(() => abort.abort(new Error("enough")));
    await expect(openSignedEntry(file, [publicKey], WANTED, abort.signal)).rejects.toThrow("enough");
  });
});

describe("unwrapSignedEntry()", () => {
  test("tells whether the signature fits, whoever signed", async ({ expect }) => {
    const whole = await signed(CONTENT);
    expect(await unwrapSignedEntry(whole)).toMatchObject({ signer: keyName(publicKey), intact: true });
    expect(await unwrapSignedEntry(Uint8Array.from(whole.with(whole.byteLength - 1, 9)))).toMatchObject({
      intact: false,
    });
    expect(await unwrapSignedEntry(whole.slice(1))).toBeUndefined();
  });
});

describe("describeRefusal()", () => {
  test("says the reason in words", ({ expect }) => {
    expect(describeRefusal({ reason: "damaged", found: "torn" })).toBe("it is damaged: torn");
    expect(describeRefusal({ reason: "other-engine", differs: ["arch"], found: { ...engine, arch: "arm64" } })).toBe(
      "it is for another engine: arch arm64",
    );
  });
});
