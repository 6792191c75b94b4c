// Signatures as the tools of others make them, made here step by step after their documents.

import { createHash, generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import { nkeys } from "@nats-io/transport-node";
import type { PinnedKey } from "../../src/trust/claim.ts";
import { KINDS_OF, parsePublicKey, publicHalf } from "../../src/trust/keys.ts";

export interface Signer {
  readonly key: KeyObject;
  readonly pinned: PinnedKey;
}

export function createSigner(name: string, algorithm: "ed25519" | "p256" = "ed25519"): Signer {
  const { privateKey } =
    algorithm === "ed25519" ? generateKeyPairSync("ed25519") : generateKeyPairSync("ec", { namedCurve: "P-256" });
  return { key: privateKey, pinned: { ...publicHalf(privateKey), name, kinds: KINDS_OF[algorithm] } };
}

/** An account of wasmCloud's, with the key that a device would pin. */
export function createIssuer(name: string): { readonly account: Account; readonly pinned: PinnedKey } {
  const account = nkeys.createAccount();
  const key = parsePublicKey(account.getPublicKey());
  if (key === undefined) throw new Error("an account's key is not read");
  return { account, pinned: { ...key, name, kinds: ["wascap"] } };
}

export type Account = ReturnType<typeof nkeys.createAccount>;

export interface WascapOptions {
  readonly name?: string;
  readonly subject?: string;
  readonly ver?: string;
  readonly rev?: number;
  readonly nbf?: number;
  readonly exp?: number;
  /** Instead of that of the binary. */
  readonly hash?: string;
  readonly revision?: number;
  /** Instead of Ed25519. */
  readonly alg?: string;
  readonly section?: string;
}

/** What `wash claims sign` does: hash the binary as it is, append the token in a custom section. */
export function signWithWascap(unsigned: Uint8Array, account: Account, options: WascapOptions = {}): Buffer {
  const { name, ver, rev, nbf, exp, revision = 3, alg = "Ed25519", section = "wasmcloud_jwt" } = options;
  const hash = options.hash ?? createHash("sha256").update(unsigned).digest("hex").toUpperCase();
  const claims = {
    exp,
    jti: "AbCdEfGhIjKlMnOpQrStUv",
    iat: 1_700_000_000,
    iss: account.getPublicKey(),
    sub: options.subject ?? `M${nkeys.createAccount().getPublicKey().slice(1)}`,
    nbf,
    wascap: { name, hash, tags: [], rev, ver, prov: false },
    wascap_revision: revision,
  };
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${encode({ typ: "jwt", alg })}.${encode(claims)}`;
  const token = `${signed}.${Buffer.from(account.sign(Buffer.from(signed))).toString("base64url")}`;
  return Buffer.concat([unsigned, customSection(section, Buffer.from(token))]);
}

export function customSection(name: string, content: Uint8Array): Buffer {
  const body = Buffer.concat([leb128(name.length), Buffer.from(name), content]);
  return Buffer.concat([Buffer.of(0), leb128(body.byteLength), body]);
}

/** `size`: so many bytes, where fewer would do. */
export function leb128(value: number, size = 1): Buffer {
  const bytes: number[] = [];
  let rest = value;
  do {
    bytes.push(rest & 0x7f);
    rest >>>= 7;
  } while (rest > 0 || bytes.length < size);
  return Buffer.from(bytes.map((byte, index) => (index < bytes.length - 1 ? byte | 0x80 : byte)));
}

export interface CosignOptions {
  /** What is signed; the digest of a manifest, as a rule. */
  readonly digest: string;
  /** `cosign sign -a key=value` */
  readonly annotations?: Readonly<Record<string, string>>;
  readonly type?: string;
}

/** A line of `cosign download signature`, for a signature of `cosign sign --key`. */
export function signWithCosign(key: KeyObject, { digest, annotations, type }: CosignOptions): string {
  const payload = Buffer.from(
    JSON.stringify({
      critical: {
        identity: { "docker-reference": "registry.example/app" },
        image: { "docker-manifest-digest": digest },
        type: type ?? "cosign container image signature",
      },
      optional: annotations ?? null,
    }),
  );
  const signature = sign(key.asymmetricKeyType === "ed25519" ? null : "sha256", payload, key);
  return JSON.stringify({
    Base64Signature: signature.toString("base64"),
    Payload: payload.toString("base64"),
    Cert: null,
    Chain: null,
    Bundle: null,
    RFC3161Timestamp: null,
  });
}

/** The manifest of an artifact that holds one component. */
export function componentManifest(digest: string, size: number): string {
  return JSON.stringify({
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: { mediaType: "application/vnd.wasm.config.v0+json", digest: `sha256:${"1".repeat(64)}`, size: 2 },
    layers: [{ mediaType: "application/wasm", digest, size }],
  });
}

export const digestOf = (content: Uint8Array | string): string =>
  `sha256:${createHash("sha256").update(content).digest("hex")}`;
