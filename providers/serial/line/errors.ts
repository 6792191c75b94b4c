import { PetioleError, reasonOf } from "#provider";

/** The add-on tells what failed by the text of the errno alone. */
const OPENING = [
  [/no such (file|device)/i, "ERR_DEVICE_MISSING", "there is no such device"],
  [/permission denied|not permitted/i, "ERR_DEVICE_DENIED", "its group may use it, most often dialout"],
  [/cannot lock|busy/i, "ERR_DEVICE_BUSY", "another program holds it"],
] as const;

/** Why a port could not be opened, as a typed error. */
export function openingError(path: string, cause: unknown): PetioleError {
  const text = reasonOf(cause);
  const [, code, meaning] = OPENING.find(([pattern]) => pattern.test(text)) ?? [];
  const reason = meaning === undefined ? text : `${meaning} (${text})`;
  return new PetioleError(code ?? "ERR_DEVICE_FAILED", `Cannot open "${path}": ${reason}`, { cause });
}
