// From the bytes that a backend keeps to the value of a secret. Pure.

import { PetioleError } from "../domain/errors.ts";
import type { SecretReference, SecretValue } from "../domain/secret.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Text, without the line end that editors and `echo` put at its end; bytes that are no text stay as they are. */
export function valueOf(bytes: Uint8Array): SecretValue {
  try {
    return utf8.decode(bytes).replace(/\r?\n$/, "");
  } catch {
    // A copy: the bytes may lie in a larger buffer.
    return new Uint8Array(bytes);
  }
}

/**
 * The field that the reference names; the whole when it names none.
 * @throws PetioleError ERR_SECRET_INVALID, ERR_SECRET_NOT_FOUND
 */
export function partOf(reference: SecretReference, value: SecretValue): SecretValue {
  const { field } = reference;
  if (field === undefined) return value;
  const what = reference.toString();
  let object: unknown;
  try {
    object = typeof value === "string" ? JSON.parse(value) : undefined;
  } catch {
    // What the parser says would show a part of it.
    object = undefined;
  }
  if (typeof object !== "object" || object === null || Array.isArray(object)) {
    throw new PetioleError("ERR_SECRET_INVALID", `Cannot read the ${what}: it is no JSON object, which has fields`);
  }
  const found = Object.hasOwn(object, field) ? (object as Readonly<Record<string, unknown>>)[field] : undefined;
  if (found === undefined || found === null) {
    throw new PetioleError("ERR_SECRET_NOT_FOUND", `Cannot read the ${what}: it has no such field`);
  }
  return typeof found === "string" ? found : JSON.stringify(found);
}
