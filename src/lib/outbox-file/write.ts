import { createHash } from "node:crypto";
import { encodeHeader, encodeRow, encodeTrailer, type FileHeader, type FileRow } from "./format.ts";

/** Makes the bytes of an export, in order: `head`, each `row`, then `trailer`. Keeps none of them. */
export interface OutboxFileWriter {
  head(): Buffer;
  row(row: FileRow): Buffer;
  trailer(): Buffer;
  /** Of all bytes so far. */
  sha256(): string;
}

export function createOutboxFileWriter(header: FileHeader): OutboxFileWriter {
  const hash = createHash("sha256");
  let rows = 0;
  const hashed = (line: Buffer): Buffer => {
    hash.update(line);
    return line;
  };
  const sha256 = (): string => hash.copy().digest("hex");
  return {
    head: () => hashed(encodeHeader(header)),
    row: (row) => {
      rows += 1;
      return hashed(encodeRow(row));
    },
    trailer: () => encodeTrailer({ rows, sha256: sha256() }),
    sha256,
  };
}

/** Stands where the trailer will be, so that a full disk is found out about before anything depends on it. */
export function placeholderFor(trailer: Buffer): Buffer {
  return Buffer.from(`${" ".repeat(trailer.length - 1)}\n`);
}
