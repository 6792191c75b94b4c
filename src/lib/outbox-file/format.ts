// Messages of an outbox in a file, for a device without a link: JSON lines, each sealed with a CRC-32. The first is the
// header, then comes one for each row in the order of their sequences, then a trailer with their count and the SHA-256
// of everything before it. docs/outbox.md describes it for those who read such files with other programs.

import { z } from "zod";
import { PetioleError } from "../../domain/errors.ts";
import type { OutboxRow } from "../../domain/outbox.ts";
import { EXPORTED_LANES } from "../../domain/outbox-report.ts";
import { bytes, millis, type Bytes, type Millis } from "../../domain/units.ts";
import { sealLine } from "./sealed-line.ts";

export const FORMAT_VERSION = 1;

/** Who made the file, and when by its own clocks. */
export interface FileHeader {
  /** Random; what makes an import happen once. */
  readonly id: string;
  readonly device: string;
  readonly storeId: string;
  readonly wall: Millis;
  readonly monotonic: Millis;
  readonly bootId: string;
}

/** Whether the wall time of a row can be trusted; where its store does not tell, it cannot. */
type ClockTrust = "synced" | "unsynced";
export type StoredRow = OutboxRow & { readonly clock?: ClockTrust };
export type FileRow = OutboxRow & { readonly clock: ClockTrust };

const count = z.int().min(0);
const milliseconds = z.number().min(0).transform(millis);
const name = z.string().min(1).max(256);

const headerSchema = z.object({
  petiole: z.literal("outbox"),
  version: z.literal(FORMAT_VERSION),
  id: z.uuid(),
  device: name,
  store: name,
  clock: z.object({ wall: milliseconds, monotonic: milliseconds, boot: name }),
});

const rowSchema = z.object({
  seq: z.int().min(1),
  lane: z.enum(EXPORTED_LANES),
  subject: z.string(),
  headers: z.record(z.string(), z.string()),
  body: z.base64(),
  boot: z.string(),
  monotonic: milliseconds,
  wall: z.number().transform(millis),
  clock: z.enum(["synced", "unsynced"]),
  owner: z.string().optional(),
  ttl: milliseconds.optional(),
});

const trailerSchema = z.object({ petiole: z.literal("end"), rows: count, sha256: z.string().length(64) });

export interface FileTrailer {
  readonly rows: number;
  readonly sha256: string;
}

export function encodeHeader({ id, device, storeId, wall, monotonic, bootId }: FileHeader): Buffer {
  const clock = { wall, monotonic, boot: bootId };
  return sealLine({ petiole: "outbox", version: FORMAT_VERSION, id, device, store: storeId, clock });
}

export function encodeRow(row: StoredRow): Buffer {
  const { seq, lane, subject, headers, body, bootId: boot, monotonic, wall, clock, owner, ttl } = row;
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("base64");
  return sealLine({ seq, lane, subject, headers, boot, monotonic, wall, clock, owner, ttl, body: text });
}

export function encodeTrailer({ rows, sha256 }: FileTrailer): Buffer {
  return sealLine({ petiole: "end", rows, sha256 });
}

/** @throws PetioleError ERR_EXPORT_FORMAT */
export function parseHeader(value: Readonly<Record<string, unknown>>): FileHeader {
  if (value["petiole"] === "outbox" && value["version"] !== FORMAT_VERSION) {
    const found = JSON.stringify(value["version"]);
    throw new PetioleError(
      "ERR_EXPORT_FORMAT",
      `Cannot read an export of version ${found}: this petiole knows version ${FORMAT_VERSION}`,
    );
  }
  const { id, device, store, clock } = parsed(headerSchema, value, 1);
  return { id, device, storeId: store, wall: clock.wall, monotonic: clock.monotonic, bootId: clock.boot };
}

/** @throws PetioleError ERR_EXPORT_FORMAT, such as for a lane that this petiole does not have */
export function parseRow(value: Readonly<Record<string, unknown>>, line: number): FileRow {
  const { body, boot, ...row } = parsed(rowSchema, value, line);
  return { ...row, bootId: boot, body: Buffer.from(body, "base64") };
}

/** @throws PetioleError ERR_EXPORT_FORMAT */
export function parseTrailer(value: Readonly<Record<string, unknown>>, line: number): FileTrailer {
  return parsed(trailerSchema, value, line);
}

/** What the outbox counts of a message against its limit. */
export function messageSize(row: Pick<OutboxRow, "subject" | "headers" | "body">): Bytes {
  const text = Buffer.byteLength(row.subject) + Buffer.byteLength(JSON.stringify(row.headers));
  return bytes(text + row.body.byteLength);
}

function parsed<T>(schema: z.ZodType<T>, value: unknown, line: number): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new PetioleError(
    "ERR_EXPORT_FORMAT",
    `Cannot read line ${line} of an export:\n${z.prettifyError(result.error)}`,
    { cause: result.error },
  );
}
