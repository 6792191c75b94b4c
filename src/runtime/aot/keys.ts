import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { readFile } from "node:fs/promises";
import { PetioleError } from "../../domain/errors.ts";

/** The key that signs, from a PEM file. @throws PetioleError ERR_CONFIG_INVALID, ERR_CONFIG_UNREADABLE */
export async function readSigningKey(file: string): Promise<KeyObject> {
  return parseKey(file, "private", createPrivateKey);
}

/** A key whose owner is trusted, from a PEM file. @throws PetioleError ERR_CONFIG_INVALID, ERR_CONFIG_UNREADABLE */
export async function readTrustedKey(file: string): Promise<KeyObject> {
  return parseKey(file, "public", createPublicKey);
}

async function parseKey(file: string, kind: string, parse: (pem: string) => KeyObject): Promise<KeyObject> {
  let pem: string;
  try {
    pem = await readFile(file, "utf8");
  } catch (cause) {
    throw new PetioleError("ERR_CONFIG_UNREADABLE", `Cannot read the ${kind} key "${file}": ${String(cause)}`, {
      cause,
    });
  }
  let found = "no key in PEM form";
  try {
    const key = parse(pem);
    if (key.asymmetricKeyType === "ed25519") return key;
    found = `a key for ${key.asymmetricKeyType}`;
  } catch {
    // What OpenSSL says of it helps nobody.
  }
  throw new PetioleError("ERR_CONFIG_INVALID", `Cannot use the ${kind} key "${file}": found ${found}, want ed25519`);
}
