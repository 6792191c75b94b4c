import { constants } from "node:fs";
import { open, readFile } from "node:fs/promises";
import type { KeyObject } from "node:crypto";
import { PetioleError } from "../domain/errors.ts";
import { isErrno, syncFolder } from "../lib/files.ts";
import { reasonOf } from "../lib/reason.ts";
import { parsePrivateKey, parsePublicKey, type PublicKey } from "./keys.ts";
import { dirname } from "node:path";

/** The key that signs. @throws PetioleError ERR_SIGN_KEY */
export async function readPrivateKey(file: string): Promise<KeyObject> {
  const key = parsePrivateKey(await readKeyFile(file));
  if (key !== undefined) return key;
  throw new PetioleError(
    "ERR_SIGN_KEY",
    `Cannot use the key "${file}": want an Ed25519 private key, in PEM or as the seed of an account (SA…)`,
  );
}

/** A public key. @throws PetioleError ERR_SIGN_KEY */
export async function readPublicKey(file: string): Promise<PublicKey> {
  const key = parsePublicKey(await readKeyFile(file));
  if (key !== undefined) return key;
  throw new PetioleError(
    "ERR_SIGN_KEY",
    `Cannot use the key "${file}": want a public key (Ed25519 or P-256), in PEM, as ed25519: and base64, or as an nkey (A…)`,
  );
}

/** @throws PetioleError ERR_SIGN_KEY */
export async function readKeyFile(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    throw new PetioleError("ERR_SIGN_KEY", `Cannot read the key "${file}": ${reasonOf(cause)}`, { cause });
  }
}

/** Makes a file that nobody else may read; one that is there stays as it is. @throws PetioleError ERR_SIGN_KEY */
export async function writeNewFile(file: string, content: string, mode: number): Promise<void> {
  try {
    await using handle = await open(file, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, mode);
    await handle.writeFile(content);
    await handle.sync();
  } catch (cause) {
    const found = isErrno(cause, "EEXIST") ? "it is there already, and a key is never overwritten" : reasonOf(cause);
    throw new PetioleError("ERR_SIGN_KEY", `Cannot write the key "${file}": ${found}`, { cause });
  }
  await syncFolder(dirname(file));
}
