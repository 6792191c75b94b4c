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
  const signature = nkeys.fromSeed(new TextEncoder().encode(seed)).sign(new TextEncoder().encode(text));
  return Buffer.from(signature).toString("base64url");
}

export function isSignedBy(publicKey: string, text: string, signature: string): boolean {
  const bytes = Buffer.from(signature, "base64url");
  // The library throws for a signature of another length.
  if (bytes.byteLength !== 64) return false;
  return publicPair(publicKey)?.verify(new TextEncoder().encode(text), bytes) === true;
}

function publicPair(publicKey: string): nkeys.KeyPair | undefined {
  try {
    return nkeys.fromPublic(publicKey);
  } catch {
    return undefined;
  }
}
