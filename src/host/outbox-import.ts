import { constants } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { isPetioleError, PetioleError } from "../domain/errors.ts";
import type { OutboxMessage } from "../domain/outbox.ts";
import type { ImportReport, TransferProgress, TransferTotals } from "../domain/outbox-report.ts";
import { kibibytes, millis, type Bytes, type Millis } from "../domain/units.ts";
import { encodeOrigin, withOrigin } from "../lib/message-headers.ts";
import { messageSize, type FileHeader, type FileRow } from "../lib/outbox-file/format.ts";
import { readOutboxFile, type FileItem } from "../lib/outbox-file/read.ts";
import { reasonOf } from "../lib/reason.ts";
import type { ExportRecords } from "./export-record.ts";
import { checkAbsolute } from "./outbox-export.ts";
import type { OutboxSource, OutboxTransfer } from "./ports.ts";
import { createTotalsCounter } from "./transfer-totals.ts";

export interface ImportDeps {
  readonly source: Pick<OutboxSource, "storeId">;
  readonly transfer: OutboxTransfer;
  readonly records: Pick<ExportRecords, "isHandedOver">;
  /** Largest message that this outbox takes. */
  readonly maxMessage: Bytes;
}

export interface ImportRequest {
  /** Absolute. */
  readonly file: string;
  readonly dryRun: boolean;
}

type Report = (progress: TransferProgress) => void;

/** Whom quotas count imported messages for. */
export const IMPORT_OWNER = "import";
/** One commit each: what a crash leaves to do again is no more, and the store is not held up for longer. */
const BATCH = { rows: 256, bytes: kibibytes(256) };
const READ_SIZE = 64 * 1024;
const STEP = 1000;

/**
 * Takes the messages of an export into this outbox, once. The whole file is read and checked first; the second time
 * through it is taken in, in batches that note how far they got, so that an import that was broken off goes on where it
 * was.
 * @throws PetioleError ERR_EXPORT_FILE, ERR_EXPORT_FORMAT, ERR_EXPORT_DAMAGED, ERR_EXPORT_IMPORTED, ERR_EXPORT_OWN,
 *   ERR_OUTBOX_TOO_LARGE, and what the store fails with; the signal's reason when aborted
 */
export async function importOutbox(
  deps: ImportDeps,
  { file, dryRun }: ImportRequest,
  report: Report,
  signal: AbortSignal,
): Promise<ImportReport> {
  checkAbsolute(file);
  await using handle = await openExport(file);
  const limits = { maxMessage: deps.maxMessage };
  const items = (): AsyncGenerator<FileItem> => readOutboxFile(chunksOf(handle, file), limits);

  const { header, totals } = await verify(items(), deps, report, signal);
  const before = await progressOf(deps, header, totals, file);
  const imported = dryRun ? 0 : await takeIn(deps, { header, items: items(), before }, report, signal);
  const { id, device, storeId, wall } = header;
  return { file, id, device, storeId, madeAt: wall, ...totals, dryRun, before: before ?? 0, imported };
}

async function verify(
  items: AsyncGenerator<FileItem>,
  { maxMessage }: ImportDeps,
  report: Report,
  signal: AbortSignal,
): Promise<{ readonly header: FileHeader; readonly totals: TransferTotals }> {
  const counter = createTotalsCounter();
  let header: FileHeader | undefined;
  let rows = 0;
  for await (const item of items) {
    signal.throwIfAborted();
    if (item.kind === "header") {
      header = item.header;
      continue;
    }
    if (header !== undefined) checkSize(messageOf(item.row, header), item.row.seq, maxMessage);
    counter.add(item.row);
    rows += 1;
    if (rows % STEP === 0) report({ stage: "reading", rows });
  }
  if (header === undefined) throw new PetioleError("ERR_INVARIANT", "An export without a header was read to its end");
  return { header, totals: counter.totals() };
}

/** With its origin a message is larger than it was on its own device. */
function checkSize(message: OutboxMessage, seq: number, maxMessage: Bytes): void {
  const size = messageSize(message);
  if (size <= maxMessage) return;
  throw new PetioleError(
    "ERR_OUTBOX_TOO_LARGE",
    `Cannot import the message ${seq} for "${message.subject}": ${size} bytes with its origin, at most ${maxMessage} are accepted`,
  );
}

/** Messages that are here already; undefined when none ever was. */
async function progressOf(
  { source, transfer, records }: ImportDeps,
  { id, device, storeId }: FileHeader,
  { rows }: TransferTotals,
  file: string,
): Promise<number | undefined> {
  if (storeId === source.storeId && !(await records.isHandedOver(id))) {
    throw new PetioleError(
      "ERR_EXPORT_OWN",
      `Cannot import "${file}": "${device}" is this device, and the messages were not handed over, so they are still here`,
    );
  }
  const progress = await transfer.importProgress(id);
  if (progress === undefined || progress < rows) return progress;
  throw new PetioleError(
    "ERR_EXPORT_IMPORTED",
    `Cannot import "${file}": all of its ${rows} messages were imported before`,
  );
}

interface Intake {
  readonly header: FileHeader;
  readonly items: AsyncGenerator<FileItem>;
  readonly before: number | undefined;
}

async function takeIn(
  { transfer }: ImportDeps,
  { header, items, before }: Intake,
  report: Report,
  signal: AbortSignal,
): Promise<number> {
  const skip = before ?? 0;
  let batch: OutboxMessage[] = [];
  let size = 0;
  let rows = 0;
  const commit = async (): Promise<void> => {
    signal.throwIfAborted();
    await transfer.takeIn(header.id, rows, batch);
    batch = [];
    size = 0;
    report({ stage: "importing", rows });
  };
  for await (const item of items) {
    if (item.kind === "header") {
      checkSame(item.header, header);
      continue;
    }
    if (rows < skip) {
      rows += 1;
      continue;
    }
    const message = messageOf(item.row, header);
    const more = messageSize(message);
    if (batch.length >= BATCH.rows || (batch.length > 0 && size + more > BATCH.bytes)) await commit();
    batch.push(message);
    size += more;
    rows += 1;
  }
  // An export of nothing is noted as well: it is imported once like any other.
  if (batch.length > 0 || before === undefined) await commit();
  return rows - skip;
}

/** The file is open since it was checked, so this is about one that was written over. */
function checkSame(found: FileHeader, wanted: FileHeader): void {
  if (found.id === wanted.id) return;
  throw new PetioleError("ERR_EXPORT_DAMAGED", "Cannot import an export: the file changed while it was read");
}

/** A row as this outbox takes it: as its own, with its origin. */
export function messageOf(row: FileRow, header: FileHeader): OutboxMessage {
  const { lane, subject, body } = row;
  const origin = encodeOrigin({ device: header.device, storeId: header.storeId }, row);
  const ttl = remainingTtl(row, header);
  return { lane, subject, body, headers: withOrigin(row.headers, origin), owner: IMPORT_OWNER, ttl };
}

/**
 * What is left of a row's own limit since its export, by the clocks of its device: the way of the file takes nothing of
 * it, because nobody knows how long that was. Nor is there an age where one of its clocks was not set. What had run out is given the shortest limit there is, so that the store
 * writes it down as expired.
 */
function remainingTtl(row: FileRow, header: FileHeader): Millis | undefined {
  if (row.ttl === undefined) return undefined;
  return millis(Math.max(1, row.ttl - Math.max(0, ageOf(row, header))));
}

function ageOf(row: FileRow, header: FileHeader): number {
  if (row.bootId === header.bootId) return header.monotonic - row.monotonic;
  return row.clock === "synced" && header.trust === "synced" ? header.wall - row.wall : 0;
}

async function openExport(file: string): Promise<FileHandle> {
  try {
    // Without O_NONBLOCK, opening a pipe waits for a writer.
    const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    if ((await handle.stat()).isFile()) return handle;
    await handle.close();
  } catch (cause) {
    throw unreadable(file, cause);
  }
  throw new PetioleError("ERR_EXPORT_FORMAT", `Cannot import "${file}": it is not a regular file`);
}

async function* chunksOf(handle: FileHandle, file: string): AsyncGenerator<Buffer> {
  const buffer = Buffer.alloc(READ_SIZE);
  for (let at = 0; ;) {
    let bytesRead: number;
    try {
      ({ bytesRead } = await handle.read(buffer, 0, READ_SIZE, at));
    } catch (cause) {
      throw unreadable(file, cause);
    }
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
    at += bytesRead;
  }
}

function unreadable(file: string, cause: unknown): PetioleError {
  if (isPetioleError(cause)) return cause;
  return new PetioleError("ERR_EXPORT_FILE", `Cannot import "${file}": ${reasonOf(cause)}`, { cause });
}
