import { readFileSync } from "node:fs";
import { randomUUID } from "node:crypto";
import { PetioleError } from "../../domain/errors.ts";
import { isErrno } from "../../lib/files.ts";
import type { Bytes } from "../../domain/units.ts";
import { recordSizes, rowCost, type RowRecord } from "./row.ts";

/**
 * @throws PetioleError ERR_OUTBOX_TOO_LARGE
 */
export function checkSize(row: RowRecord, limit: { readonly maxMessage: Bytes; readonly cap: Bytes }): void {
  const sizes = recordSizes(row);
  const size = sizes.subject + sizes.headers + sizes.body;
  if (size > limit.maxMessage) throw tooLarge(row, size, `at most ${limit.maxMessage} bytes are accepted`);
  const cost = rowCost(sizes);
  if (cost > limit.cap) throw tooLarge(row, cost, `its lane holds ${limit.cap} bytes at most`);
}

function tooLarge(row: RowRecord, size: number, wanted: string): PetioleError {
  return new PetioleError(
    "ERR_OUTBOX_TOO_LARGE",
    `Cannot accept a message for "${row.subject}": ${size} bytes, ${wanted}`,
  );
}

/** @throws PetioleError ERR_INVARIANT for what is no sequence */
export function checkSequence(seq: number): void {
  if (Number.isSafeInteger(seq) && seq >= 0) return;
  throw new PetioleError("ERR_INVARIANT", `Cannot acknowledge "${seq}": not a sequence`);
}

/** @throws PetioleError ERR_INVARIANT for the empty key, which no bucket has */
export function checkKey(key: string): void {
  if (key === "") throw new PetioleError("ERR_INVARIANT", 'Cannot write the key "": keys are not empty');
}

/** Identity of this boot, from the kernel; a random one where there is no such file. */
export function readBootId(path = "/proc/sys/kernel/random/boot_id"): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch (error) {
    if (isErrno(error, "ENOENT") || isErrno(error, "EACCES")) return randomUUID();
    throw error;
  }
}
