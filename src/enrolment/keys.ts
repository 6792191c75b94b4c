import { createPrivateKey, createPublicKey, sign, verify } from "node:crypto";
import { nkeys } from "@nats-io/transport-node";

/** A key of NATS, in text: what is public of it, and the seed that nobody else may have. */
export interface KeyText {
  readonly publicKey: string;
  readonly seed: string;
}

export type KeyKind = "operator" | "account" | "user";

const MAKERS = {
  operator: nkeys.createOperator,
  account: nkeys.createAccount,
  user: nkeys.createUser,
} as const satisfies Record<KeyKind, () => nkeys.KeyPair>;

const LETTERS = { operator: "O", account: "A", user: "U" } as const satisfies Record<KeyKind, string>;

export function createKey(kind: KeyKind): KeyText {
  const pair = MAKERS[kind]();
  return { publicKey: pair.getPublicKey(), seed: new TextDecoder().decode(pair.getSeed()) };
}

/** Undefined for text that is no seed of this kind. Says nothing of what it found. */
export function keyOfSeed(seed: string, kind: KeyKind): KeyText | undefined {
  try {
    const publicKey = nkeys.fromSeed(new TextEncoder().encode(seed.trim())).getPublicKey();
    return publicKey.startsWith(LETTERS[kind]) ? { publicKey, seed: seed.trim() } : undefined;
  } catch {
    return undefined;
  }
}

export const isPublicKey = (text: string, kind: KeyKind): boolean =>
  text.startsWith(LETTERS[kind]) && /^[A-Z2-7]{56}$/.test(text) && publicPair(text) !== undefined;

/** Base64url. */
export function signText(seed: string, text: string): string {
  // The library of the transport signs as well, in JavaScript: a fleet has many devices, and a device a small processor.
  const der = Buffer.concat([PRIVATE_KEY_HEAD, decodeBase32(seed).subarray(2, 34)]);
  const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  return sign(null, Buffer.from(text), key).toString("base64url");
}

export function isSignedBy(publicKey: string, text: string, signature: string): boolean {
  const bytes = Buffer.from(signature, "base64url");
  if (bytes.byteLength !== 64 || publicPair(publicKey) === undefined) return false;
  const x = decodeBase32(publicKey).subarray(1, 33).toString("base64url");
  const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
  return verify(null, Buffer.from(text), key, bytes);
}

/** Whose checksum is right. */
function publicPair(publicKey: string): nkeys.KeyPair | undefined {
  try {
    return nkeys.fromPublic(publicKey);
  } catch {
    return undefined;
  }
}

/** What stands before the 32 bytes of an Ed25519 key in PKCS #8. */
const PRIVATE_KEY_HEAD = Buffer.from("302e020100300506032b657004220420", "hex");
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** Of text that the library has taken for a key. */
function decodeBase32(text: string): Buffer {
  const bytes: number[] = [];
  let [value, bits] = [0, 0];
  for (const letter of text) {
    value = ((value << 5) | ALPHABET.indexOf(letter)) & 0xfff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push((value >> bits) & 0xff);
  }
  return Buffer.from(bytes);
}
