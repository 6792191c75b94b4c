import { createHash } from "node:crypto";
import { PetioleError } from "../../domain/errors.ts";
import { kibibytes, type Bytes } from "../../domain/units.ts";
import { messageSize, parseHeader, parseRow, parseTrailer, type FileHeader, type FileRow } from "./format.ts";
import { unsealLine } from "./sealed-line.ts";

export interface ReadLimits {
  /** Largest message that the reader's outbox takes. */
  readonly maxMessage: Bytes;
}

export type FileItem =
  | { readonly kind: "header"; readonly header: FileHeader }
  | { readonly kind: "row"; readonly row: FileRow };

/** What a placeholder for the trailer is made of. */
const SPACE = 32;

/** Escapes make text up to six times as long, base64 makes a body a third longer. */
const longestLine = ({ maxMessage }: ReadLimits): number => maxMessage * 6 + kibibytes(16);

const damaged = (found: string): PetioleError =>
  new PetioleError("ERR_EXPORT_DAMAGED", `Cannot read an export: ${found}`);
const foreign = (): PetioleError =>
  new PetioleError("ERR_EXPORT_FORMAT", "Cannot read an export: the file does not begin as one");

/**
 * The header of an export, then its rows, with no more than one of them in memory. That the file is whole is known when
 * the iteration has ended, so nothing may be done with the rows before that.
 * @throws PetioleError ERR_EXPORT_FORMAT, ERR_EXPORT_DAMAGED, ERR_OUTBOX_TOO_LARGE
 */
export async function* readOutboxFile(chunks: AsyncIterable<Buffer>, limits: ReadLimits): AsyncGenerator<FileItem> {
  const hash = createHash("sha256");
  let number = 0;
  let rows = 0;
  let last = 0;
  let ended = false;
  for await (const line of linesOf(chunks, longestLine(limits))) {
    number += 1;
    if (ended) throw damaged(`found something behind its end, at line ${number}`);
    if (number === 1) {
      yield { kind: "header", header: headerOf(line) };
    } else {
      if (line.length === 0 || line[0] === SPACE) {
        throw damaged("it is unfinished, or was changed; exporting to the same file again ends it");
      }
      const value = unsealLine(line, number);
      if (value["petiole"] === "end") {
        const trailer = parseTrailer(value, number);
        if (trailer.rows !== rows) throw damaged(`found ${rows} rows, want ${trailer.rows}`);
        if (trailer.sha256 !== hash.digest("hex")) throw damaged("its checksum does not fit");
        ended = true;
        continue;
      }
      const row = parseRow(value, number);
      if (row.seq <= last) throw damaged(`found sequence ${row.seq} behind ${last}, at line ${number}`);
      last = row.seq;
      rows += 1;
      checkSize(row, limits);
      yield { kind: "row", row };
    }
    hash.update(line).update("\n");
  }
  if (!ended) throw number === 0 ? foreign() : damaged(`it is cut off behind ${rows} rows`);
}

/** @throws PetioleError ERR_EXPORT_FORMAT, ERR_EXPORT_DAMAGED */
export function headerOf(line: Buffer): FileHeader {
  // What is not ours from the first byte on is another file; what begins as ours and does not fit is damaged.
  if (!line.toString("latin1").startsWith('{"petiole":"outbox",')) throw foreign();
  return parseHeader(unsealLine(line, 1));
}

function checkSize(row: FileRow, { maxMessage }: ReadLimits): void {
  const size = messageSize(row);
  if (size <= maxMessage) return;
  throw new PetioleError(
    "ERR_OUTBOX_TOO_LARGE",
    `Cannot import the message ${row.seq} for "${row.subject}": ${size} bytes, at most ${maxMessage} are accepted`,
  );
}

/** Lines without their ends. What follows the last line end is cut off, unless it is nothing. */
async function* linesOf(chunks: AsyncIterable<Buffer>, longest: number): AsyncGenerator<Buffer> {
  let pieces: Buffer[] = [];
  let length = 0;
  let first = true;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      pieces.push(chunk.subarray(start, end));
      yield Buffer.concat(pieces);
      first = false;
      pieces = [];
      length = 0;
      start = end + 1;
    }
    if (start === chunk.length) continue;
    // The reader of the file may use its buffer again.
    pieces.push(Buffer.from(chunk.subarray(start)));
    length += chunk.length - start;
    if (length > longest) throw first ? foreign() : damaged(`found a line of more than ${longest} bytes`);
  }
  if (length > 0) throw first && !beginsAsExport(pieces) ? foreign() : damaged("it is cut off within a line");
}

function beginsAsExport(pieces: readonly Buffer[]): boolean {
  return Buffer.concat(pieces).toString("latin1").startsWith('{"petiole":"outbox",');
}
