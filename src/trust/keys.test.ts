import { generateKeyPairSync } from "node:crypto";
import { nkeys } from "@nats-io/transport-node";
import { describe, test } from "vitest";
import { nkeyOf, parsePrivateKey, parsePublicKey, publicHalf, seedOf } from "./keys.ts";
import { decodeAccount, decodeAccountSeed, encodeAccount, encodeAccountSeed } from "./nkey.ts";

describe("nkeys", () => {
  test("are those of NATS: public key and seed, both ways", ({ expect }) => {
    for (let turn = 0; turn < 20; turn++) {
      const account = nkeys.createAccount();
      const seed = new TextDecoder().decode(account.getSeed());
      const key = parsePrivateKey(`${seed}\n`);
      if (key === undefined) throw new Error("the seed is not read");
      expect(nkeyOf(publicHalf(key))).toBe(account.getPublicKey());
      expect(encodeAccountSeed(seedOf(key))).toBe(seed);
      expect(encodeAccount(decodeAccount(account.getPublicKey()) ?? new Uint8Array())).toBe(account.getPublicKey());
      expect(parsePublicKey(account.getPublicKey())?.id).toBe(publicHalf(key).id);
    }
  });

  test("of other kinds, and with a letter changed, are none", ({ expect }) => {
    const account = nkeys.createAccount();
    const text = account.getPublicKey();
    expect(decodeAccount(nkeys.createUser().getPublicKey())).toBeUndefined();
    expect(decodeAccountSeed(new TextDecoder().decode(nkeys.createUser().getSeed()))).toBeUndefined();
    for (let at = 0; at < text.length; at++) {
      const changed = text.slice(0, at) + (text[at] === "B" ? "C" : "B") + text.slice(at + 1);
      expect(decodeAccount(changed), changed).toBeUndefined();
    }
    expect(decodeAccount(text.slice(1))).toBeUndefined();
    expect(decodeAccount(text.toLowerCase())).toBeUndefined();
  });
});

test("parsePublicKey() takes no private key, and no other kind of key", ({ expect }) => {
  const { privateKey, publicKey } = generate("ed25519");
  expect(parsePublicKey(publicKey)?.algorithm).toBe("ed25519");
  expect(parsePublicKey(privateKey)).toBeUndefined();
  expect(parsePublicKey(generate("x25519").publicKey)).toBeUndefined();
  expect(parsePublicKey(generate("P-256").publicKey)).toMatchObject({ algorithm: "p256" });
  expect(parsePublicKey(generate("P-384").publicKey)).toBeUndefined();
  expect(parsePrivateKey(generate("P-256").privateKey)).toBeUndefined();
  for (const text of ["", "ed25519:", "ed25519:AAAA", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"]) {
    expect(parsePublicKey(text), text).toBeUndefined();
  }
});

function generate(kind: "ed25519" | "x25519" | "P-256" | "P-384"): { privateKey: string; publicKey: string } {
  const form = {
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  } as const;
  if (kind === "ed25519") return generateKeyPairSync("ed25519", form);
  if (kind === "x25519") return generateKeyPairSync("x25519", form);
  return generateKeyPairSync("ec", { ...form, namedCurve: kind });
}
