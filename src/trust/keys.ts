// Keys whose owners may sign components: Ed25519, and ECDSA on P-256 as cosign makes it.

import { createPrivateKey, createPublicKey, verify, type KeyObject } from "node:crypto";
import type { EvidenceKind } from "../domain/trust.ts";
import { decodeBase64 } from "./base64.ts";
import { decodeAccount, decodeAccountSeed, encodeAccount } from "./nkey.ts";

export type Algorithm = "ed25519" | "p256";

export interface PublicKey {
  readonly algorithm: Algorithm;
  readonly key: KeyObject;
  /** The same for the same key, however it was written: `ed25519:<base64>`, `p256:<base64 of the compressed point>`. */
  readonly id: string;
}

/** What each kind of key can sign. */
export const KINDS_OF: Readonly<Record<Algorithm, readonly EvidenceKind[]>> = {
  ed25519: ["statement", "wascap", "cosign"],
  p256: ["cosign"],
};

// What stands before the 32 bytes of a private key in PKCS #8 (RFC 8410).
const PKCS8_ED25519 = Buffer.from("302e020100300506032b657004220420", "hex");

/** From PEM, `ed25519:<base64>`, or the nkey of an account (`A…`); undefined when it is none of them. */
export function parsePublicKey(text: string): PublicKey | undefined {
  const trimmed = text.trim();
  if (trimmed.startsWith("ed25519:")) return fromRaw(decodeBase64(trimmed.slice("ed25519:".length)));
  if (/^A[A-Z2-7]{55}$/.test(trimmed)) return fromRaw(decodeAccount(trimmed));
  // Node makes a public key of a private one, too. That one has no place on a device.
  if (!trimmed.startsWith("-----BEGIN PUBLIC KEY-----")) return undefined;
  return attempt(() => describeKey(createPublicKey(trimmed)));
}

/** An Ed25519 key from PEM (PKCS #8) or the seed of an account (`SA…`); undefined when it is neither. */
export function parsePrivateKey(text: string): KeyObject | undefined {
  const trimmed = text.trim();
  const seed = decodeAccountSeed(trimmed);
  const key = attempt(() => (seed === undefined ? createPrivateKey(trimmed) : privateKeyOf(seed)));
  return key?.asymmetricKeyType === "ed25519" ? key : undefined;
}

/** The public half. */
export function publicHalf(key: KeyObject): PublicKey {
  const half = describeKey(createPublicKey(key));
  if (half === undefined) throw new TypeError("The key is neither Ed25519 nor P-256");
  return half;
}

/** The 32 bytes that an Ed25519 private key is made of. */
export function seedOf(key: KeyObject): Buffer {
  return Buffer.from(key.export({ format: "jwk" }).d ?? "", "base64url");
}

/** The key in the form of NATS and wasmCloud; undefined for P-256, which has none. */
export function nkeyOf({ algorithm, key }: PublicKey): string | undefined {
  return algorithm === "ed25519" ? encodeAccount(rawOf(key)) : undefined;
}

/** ECDSA signatures are those of SHA-256, in DER. */
export function isSignedBy({ algorithm, key }: PublicKey, content: Uint8Array, signature: Uint8Array): boolean {
  return verify(algorithm === "ed25519" ? null : "sha256", content, key, signature);
}

function describeKey(key: KeyObject): PublicKey | undefined {
  if (key.asymmetricKeyType === "ed25519") {
    return { algorithm: "ed25519", key, id: `ed25519:${rawOf(key).toString("base64")}` };
  }
  if (key.asymmetricKeyType !== "ec" || key.asymmetricKeyDetails?.namedCurve !== "prime256v1") return undefined;
  const { x = "", y = "" } = key.export({ format: "jwk" });
  const odd = (Buffer.from(y, "base64url").at(-1) ?? 0) & 1;
  const point = Buffer.concat([Buffer.from([2 + odd]), Buffer.from(x, "base64url")]);
  return { algorithm: "p256", key, id: `p256:${point.toString("base64")}` };
}

function fromRaw(raw: Buffer | undefined): PublicKey | undefined {
  if (raw?.byteLength !== 32) return undefined;
  const jwk = { kty: "OKP", crv: "Ed25519", x: raw.toString("base64url") };
  return attempt(() => describeKey(createPublicKey({ key: jwk, format: "jwk" })));
}

function privateKeyOf(seed: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PKCS8_ED25519, seed]), format: "der", type: "pkcs8" });
}

const rawOf = (key: KeyObject): Buffer => Buffer.from(key.export({ format: "jwk" }).x ?? "", "base64url");

/** What OpenSSL says of a key that is none helps nobody. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
