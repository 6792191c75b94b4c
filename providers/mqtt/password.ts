// Hashes of passwords as mosquitto_passwd writes them: $7$<iterations>$<salt>$<PBKDF2 with SHA-512>, both in base64.

import { pbkdf2, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";

const HASH = /^\$7\$(\d{1,6})\$([A-Za-z0-9+/]{4,}={0,2})\$([A-Za-z0-9+/]{86}==)$/;
const LENGTH = 64;
const MAX_ITERATIONS = 500_000;

const derive = promisify(pbkdf2);

interface ParsedHash {
  readonly iterations: number;
  readonly salt: Buffer;
  readonly key: Buffer;
}

function parse(hash: string): ParsedHash | undefined {
  const [, iterations = "", salt = "", key = ""] = HASH.exec(hash) ?? [];
  const count = Number(iterations);
  if (count < 1 || count > MAX_ITERATIONS) return undefined;
  return { iterations: count, salt: Buffer.from(salt, "base64"), key: Buffer.from(key, "base64") };
}

export const isPasswordHash = (text: string): boolean => parse(text) !== undefined;

/** False for what is no hash. */
export async function verifyPassword(password: Uint8Array, hash: string): Promise<boolean> {
  const parsed = parse(hash);
  if (parsed === undefined) return false;
  return timingSafeEqual(await derive(password, parsed.salt, parsed.iterations, LENGTH, "sha512"), parsed.key);
}

/** For passwords that the configuration has in plain text, so that they are compared as the others are. */
export async function hashPassword(password: Uint8Array, salt: Uint8Array): Promise<string> {
  const iterations = 101;
  const key = await derive(password, salt, iterations, LENGTH, "sha512");
  return `$7$${iterations}$${Buffer.from(salt).toString("base64")}$${key.toString("base64")}`;
}
