import { randomUUID } from "node:crypto";
import { isAbsolute } from "node:path";
import { PetioleError } from "../domain/errors.ts";
import type { Lane, OutboxStats } from "../domain/outbox.ts";
import { EXPORTED_LANES, type ExportReport, type TransferProgress } from "../domain/outbox-report.ts";
import { bytes, millis } from "../domain/units.ts";
import type { Clock } from "../lib/clock.ts";
import { encodeTrailer, type FileHeader } from "../lib/outbox-file/format.ts";
import { createOutboxFileWriter, placeholderFor } from "../lib/outbox-file/write.ts";
import {
  checkFolder,
  createPartial,
  digestPartial,
  finishPartial,
  partialHeader,
  partialOf,
  refuseExisting,
  removePartial,
  type PartialFile,
} from "./export-file.ts";
import type { ExportRecord, ExportRecords } from "./export-record.ts";
import type { OutboxSource, OutboxTransfer } from "./ports.ts";
import { createTotalsCounter } from "./transfer-totals.ts";
import { waitingRows } from "./waiting-rows.ts";

export interface ExportDeps {
  readonly source: OutboxSource;
  readonly transfer: OutboxTransfer;
  readonly records: ExportRecords;
  /** Keeps everything that was accepted before from waiting in memory only. */
  readonly flush: () => Promise<void>;
  readonly stats: () => Promise<Pick<OutboxStats, "lastSeq" | "clock">>;
  /** Keeps the forwarder from sending, from when it resolves until it is disposed; what was in flight is settled. */
  readonly hold: () => Promise<Disposable>;
  readonly device: string;
  /** Identity of the boot, as rows have it. */
  readonly bootId: string;
  readonly clock: Clock;
}

export interface ExportRequest {
  /** Absolute. */
  readonly file: string;
  /** All unless given. */
  readonly lanes?: readonly Lane[] | undefined;
  readonly dryRun: boolean;
}

type Report = (progress: TransferProgress) => void;

/** Rows between two reports. */
const STEP = 1000;

/**
 * Writes the messages that wait into a file and ends them here. The order makes each of them be in the store or in a
 * file that an import takes, whenever the power fails: the rows are in FILE.partial and on disk, then the store hands
 * them over, then the file gets its trailer and its name. Before the hand-over FILE.partial counts for nothing and the
 * next export replaces it; behind it the next export to the same file finishes it.
 * @throws PetioleError ERR_EXPORT_EXISTS, ERR_EXPORT_FILE, ERR_EXPORT_DAMAGED, ERR_STORE_FAILED; the signal's reason when aborted,
 *   which stops nothing once the hand-over has begun
 */
export async function exportOutbox(
  deps: ExportDeps,
  request: ExportRequest,
  report: Report,
  signal: AbortSignal,
): Promise<ExportReport> {
  const { file, dryRun } = request;
  const { records } = deps;
  checkAbsolute(file);
  await refuseExisting(file);
  await checkFolder(file);
  using _held = dryRun ? undefined : await deps.hold();
  if (!dryRun) await records.settle();

  const partial = await partialHeader(file);
  const earlier = await unfinished(records, file, partial);
  if (earlier !== undefined) return await finish(deps, request, earlier);

  const replaced = partial !== "none";
  if (dryRun) {
    const { record } = await writeRows(deps, request, discarding, report, signal);
    return { ...describe(record, request), completed: false, replaced };
  }
  const { record, trailer } = await write(deps, request, report, signal);
  if (record.totals.rows === 0) {
    await removePartial(file);
    return { ...describe(record, request), completed: false, replaced };
  }
  signal.throwIfAborted();
  await handOver(deps, record);
  await finishHandedOver(deps, record, trailer, file);
  return { ...describe(record, request), completed: false, replaced };
}

export function checkAbsolute(file: string): void {
  if (isAbsolute(file)) return;
  throw new PetioleError("ERR_CONTROL_PROTOCOL", `Cannot use the file "${file}": want an absolute path`);
}

/**
 * The record of the export that left FILE.partial, if its rows are nowhere else any more.
 * @throws PetioleError ERR_EXPORT_DAMAGED when they were in this very file, and it cannot be read
 */
async function unfinished(
  records: ExportRecords,
  file: string,
  partial: FileHeader | "none" | "unreadable",
): Promise<ExportRecord | undefined> {
  if (partial === "none") return undefined;
  const found = partial === "unreadable" ? undefined : await records.find(partial.id);
  if (found !== undefined || partial !== "unreadable") return found;
  const current = await records.current();
  if (current?.file === file && (await records.isHandedOver(current.id))) throw damagedPartial(file);
  return undefined;
}

const damagedPartial = (file: string): PetioleError =>
  new PetioleError(
    "ERR_EXPORT_DAMAGED",
    `Cannot finish "${partialOf(file)}": it was changed or damaged, and its messages are nowhere else; move it away to export others`,
  );

async function finish(deps: ExportDeps, request: ExportRequest, record: ExportRecord): Promise<ExportReport> {
  const { file, dryRun } = request;
  if ((await digestPartial(file, record.size)) !== record.sha256) throw damagedPartial(file);
  const trailer = encodeTrailer({ rows: record.totals.rows, sha256: record.sha256 });
  if (!dryRun) await finishHandedOver(deps, record, trailer, file);
  return { ...describe(record, request), completed: true, replaced: false };
}

interface Written {
  readonly record: ExportRecord;
  readonly trailer: Buffer;
}

/** Nothing was handed over when it rejects, and nothing is left of the file. */
async function write(deps: ExportDeps, request: ExportRequest, report: Report, signal: AbortSignal): Promise<Written> {
  const { file } = request;
  try {
    await using out = await createPartial(file);
    return await writeRows(deps, request, out, report, signal);
  } catch (error) {
    await removePartial(file);
    throw error;
  }
}

type Output = Pick<PartialFile, "write" | "sync">;

const discarding: Output = { write: async () => {}, sync: async () => {} };

async function writeRows(
  deps: ExportDeps,
  { file, lanes = EXPORTED_LANES }: ExportRequest,
  out: Output,
  report: Report,
  signal: AbortSignal,
): Promise<Written> {
  const { source, clock, device, bootId } = deps;
  await deps.flush();
  const { lastSeq, clock: trust } = await deps.stats();
  const id = randomUUID();
  const stamp = { wall: millis(Math.floor(clock.wall())), monotonic: millis(Math.floor(clock.boottime())), trust };
  const writer = createOutboxFileWriter({ id, device, storeId: source.storeId, ...stamp, bootId });
  const counter = createTotalsCounter();
  const upTo: Partial<Record<Lane, number>> = {};
  let size = 0;
  let rows = 0;
  const put = async (line: Buffer): Promise<void> => {
    size += line.length;
    await out.write(line);
  };

  await put(writer.head());
  for await (const row of waitingRows(source, lanes, lastSeq)) {
    signal.throwIfAborted();
    await put(writer.row(row));
    counter.add(row);
    upTo[row.lane] = row.seq;
    rows += 1;
    if (rows % STEP === 0) report({ stage: "writing", rows });
  }
  const trailer = writer.trailer();
  await out.write(placeholderFor(trailer));
  await out.sync();
  return { record: { id, file, upTo, totals: counter.totals(), size, sha256: writer.sha256() }, trailer };
}

async function handOver({ records, transfer }: ExportDeps, record: ExportRecord): Promise<void> {
  await records.begin(record);
  try {
    await transfer.handOver(record.id, record.upTo);
  } catch (error) {
    // What failed may have happened all the same.
    if ((await records.settle()) === "handed-over") return;
    await removePartial(record.file);
    throw error;
  }
  if ((await records.settle()) === "handed-over") return;
  // The file stays: it is not known whether the messages are anywhere else.
  throw new PetioleError("ERR_INVARIANT", `Cannot finish "${record.file}": the store did not note its hand-over`);
}

async function finishHandedOver(
  { records }: ExportDeps,
  record: ExportRecord,
  trailer: Buffer,
  file: string,
): Promise<void> {
  try {
    await finishPartial(file, trailer, record.size);
  } catch (cause) {
    throw new PetioleError(
      "ERR_EXPORT_FILE",
      `Cannot finish "${file}": its messages are in "${partialOf(file)}" and nowhere else; export to the same file again to finish it`,
      { cause },
    );
  }
  const current = await records.current();
  if (current?.id === record.id) await records.end();
}

function describe(
  { id, totals, size }: ExportRecord,
  { file, dryRun }: ExportRequest,
): Omit<ExportReport, "completed" | "replaced"> {
  const trailer = encodeTrailer({ rows: totals.rows, sha256: "0".repeat(64) });
  const any = totals.rows > 0;
  return {
    file,
    id: any && !dryRun ? id : undefined,
    ...totals,
    size: bytes(any ? size + trailer.length : 0),
    dryRun,
  };
}
