import { readFile } from "node:fs/promises";
import { PetioleError } from "../../domain/errors.ts";
import { MACHINE_CODE_HEADER } from "../machine-code/addon.ts";
import { decodeEntry, decodeHeader, TRAILER_SIZE, type EntryHeader } from "../prepare/entry-format.ts";
import { unwrapSignedEntry } from "./signed-entry.ts";
import { reasonOf } from "../../lib/reason.ts";

export interface EntryInspection {
  readonly header: EntryHeader;
  /** Size of the file in bytes. */
  readonly size: number;
  readonly origin:
    /** By this or another device's cache: without its key nobody can tell whether it was changed. */
    | { readonly kind: "sealed" }
    /** `intact`: the signature fits. Whether to trust the signer is another question. */
    | { readonly kind: "signed"; readonly signer: string; readonly intact: boolean };
  /** What V8 requires of an engine that is to run the machine code; undefined when there is none. */
  readonly machineCode: { readonly version: string; readonly cpu: string; readonly flags: string } | undefined;
}

/**
 * What a cache entry, or one that was compiled ahead of time, says of itself.
 * @throws PetioleError ERR_COMPONENT_UNREADABLE when there is none
 */
export async function inspectEntry(file: string): Promise<EntryInspection> {
  try {
    const bytes = new Uint8Array(await readFile(file));
    const signed = await unwrapSignedEntry(bytes);
    const body = signed?.entry ?? bytes.subarray(0, Math.max(0, bytes.byteLength - TRAILER_SIZE));
    return {
      header: decodeHeader(body),
      size: bytes.byteLength,
      origin:
        signed === undefined ? { kind: "sealed" } : { kind: "signed", signer: signed.signer, intact: signed.intact },
      machineCode: readMachineCodeHeader(body),
    };
  } catch (cause) {
    const found = reasonOf(cause);
    throw new PetioleError("ERR_COMPONENT_UNREADABLE", `Cannot inspect "${file}": ${found}`, { cause });
  }
}

function readMachineCodeHeader(body: Uint8Array<ArrayBuffer>): EntryInspection["machineCode"] {
  for (const { machineCode } of decodeEntry(body).modules.values()) {
    if (machineCode === undefined || machineCode.byteLength < MACHINE_CODE_HEADER) continue;
    const view = new DataView(machineCode.buffer, machineCode.byteOffset, MACHINE_CODE_HEADER);
    const word = (index: number): string =>
      `0x${view
        .getUint32(index * 4, true)
        .toString(16)
        .padStart(8, "0")}`;
    return { version: word(1), cpu: word(2), flags: word(3) };
  }
  return undefined;
}
