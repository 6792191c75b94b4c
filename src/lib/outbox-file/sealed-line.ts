import { crc32 } from "node:zlib";
import { PetioleError } from "../../domain/errors.ts";

/** `,"crc":"01234567"}` */
const SEAL = 18;

/** One JSON object as a line that notices changes: the last member is the CRC-32 of everything before it. */
export function sealLine(value: Readonly<Record<string, unknown>>): Buffer {
  const text = Buffer.from(JSON.stringify(value).slice(0, -1));
  return Buffer.concat([text, Buffer.from(`${sealOf(text)}\n`)]);
}

/** @throws PetioleError ERR_EXPORT_DAMAGED */
export function unsealLine(line: Buffer, number: number): Record<string, unknown> {
  const text = line.subarray(0, Math.max(0, line.length - SEAL));
  // Compared as bytes: what is no UTF-8 would decode to something else.
  if (text.length === 0 || line.toString("latin1", text.length) !== sealOf(text)) {
    throw new PetioleError("ERR_EXPORT_DAMAGED", `Cannot read line ${number} of an export: its checksum does not fit`);
  }
  try {
    // The seal is right, so this is what sealLine() made: an object.
    return JSON.parse(line.toString()) as Record<string, unknown>;
  } catch (cause) {
    throw new PetioleError("ERR_EXPORT_DAMAGED", `Cannot read line ${number} of an export: it is no JSON`, { cause });
  }
}

function sealOf(text: Buffer): string {
  return `,"crc":"${crc32(text).toString(16).padStart(8, "0")}"}`;
}
