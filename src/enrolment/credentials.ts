// Credentials files: a user's token and the seed of its key, in the form that NATS clients and servers read.

import { readRegularFile } from "../lib/files.ts";
import { seconds, type Millis } from "../domain/units.ts";
import { readClaims } from "./claims.ts";

const TOKEN = /-----BEGIN NATS USER JWT-----\s+([\w-]+\.[\w-]+\.[\w-]+)\s/;
const MAX_FILE = 64 * 1024;

export interface Validity {
  /** Of the user, as the hub shows it. */
  readonly name: string;
  readonly publicKey: string;
  /** Unix times, by the clock of whoever issued them; without an end they hold for ever. */
  readonly issued: Millis;
  readonly expires: Millis | undefined;
}

export function formatCredentials({ jwt, seed }: { readonly jwt: string; readonly seed: string }): string {
  return [
    "-----BEGIN NATS USER JWT-----",
    jwt,
    "------END NATS USER JWT------",
    "",
    "-----BEGIN USER NKEY SEED-----",
    seed,
    "------END USER NKEY SEED------",
    "",
  ].join("\n");
}

/** Of a user's token; undefined when it is none, or its issuer has not signed it. */
export function validityOf(jwt: string): Validity | undefined {
  const claims = readClaims(jwt);
  if (claims === undefined) return undefined;
  const { name, sub, iat, exp } = claims;
  return { name, publicKey: sub, issued: seconds(iat), expires: exp === undefined ? undefined : seconds(exp) };
}

/**
 * How long the credentials in a file's text hold; undefined when it holds none. To be compared with a clock that can be
 * trusted only.
 */
export function validityIn(text: string): Validity | undefined {
  const jwt = TOKEN.exec(text)?.[1];
  return jwt === undefined ? undefined : validityOf(jwt);
}

/** The same of a file. @throws what reading the file fails with */
export async function readValidity(file: string): Promise<Validity | undefined> {
  const { bytes } = await readRegularFile(file, { maxSize: MAX_FILE });
  return validityIn(Buffer.from(bytes).toString("utf8"));
}
