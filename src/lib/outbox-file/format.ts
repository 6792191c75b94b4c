// Messages of an outbox in a file, for a device without a link: JSON lines, each sealed with a CRC-32. The first is the
// header, then comes one for each row in the order of their sequences, then a trailer with their count and the SHA-256
// of everything before it. docs/outbox.md describes it for those who read such files with other programs.

import { z } from "zod";
import { PetioleError } from "../../domain/errors.ts";
import type { ClockState, OutboxRow } from "../../domain/outbox.ts";
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
  /** Whether its wall clock could be trusted. */
  readonly trust: ClockState;
}

export type FileRow = OutboxRow;

const count = z.int().min(0);
const milliseconds = z.number().min(0).transform(millis);
const name = z.string().min(1).max(256);

const clockState = z.enum(["synced", "unsynced"]);

const headerSchema = z.object({
  petiole: z.literal("outbox"),
  version: z.literal(FORMAT_VERSION),
  id: z.uuid(),
  device: name,
  store: name,
  // What does not say so cannot be trusted.
  clock: z.object({ wall: milliseconds, monotonic: milliseconds, boot: name, state: clockState.default("unsynced") }),
});

const rowSchema = z.object({
  seq: z.int().min(1),
  lane: z.enum(EXPORTED_LANES),
  subject: z.string(),
  // Not a record: zod leaves a key out that every object inherits, and a header may have any name.
  headers: z.custom<Record<string, string>>(isTextByName, "want names and texts"),
  body: z.base64(),
  boot: z.string(),
  monotonic: milliseconds,
  wall: z.number().transform(millis),
  clock: clockState,
  owner: z.string().optional(),
  ttl: milliseconds.optional(),
});

const trailerSchema = z.object({ petiole: z.literal("end"), rows: count, sha256: z.string().length(64) });

export interface FileTrailer {
  readonly rows: number;
  readonly sha256: string;
}

export function encodeHeader({ id, device, storeId, wall, monotonic, bootId, trust }: FileHeader): Buffer {
  const clock = { wall, monotonic, boot: bootId, state: trust };
  return sealLine({ petiole: "outbox", version: FORMAT_VERSION, id, device, store: storeId, clock });
}

export function encodeRow(row: FileRow): Buffer {
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
  const { wall, monotonic, boot: bootId, state: trust } = clock;
  return { id, device, storeId: store, wall, monotonic, bootId, trust };
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

function isTextByName(value: unknown): boolean {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Object.values(value).every((text) => typeof text === "string");
}
