import { isPetioleError, PetioleError } from "../../domain/errors.ts";
import type { OutboxRow } from "../../domain/outbox.ts";
import { encodeRowHeaders, messageId } from "./outbox-headers.ts";
import { laneFilter, outboxSubject } from "./subjects.ts";

export interface PreparedRow {
  readonly row: OutboxRow;
  readonly subject: string;
  /** Lines in their wire form. */
  readonly headers: string;
  readonly messageId: string;
  /** Size of headers and body as the server counts it, with the longest form of the expectation. */
  readonly bytes: number;
}

export interface RowTarget {
  readonly device: string;
  readonly storeId: string;
  /** Largest message that the hub takes, headers included. */
  readonly limit: number;
}

/** Names and numbers of the headers that carry an expectation and the stream's name, and the first and last line. */
const EXPECTATION_BYTES = 384;

/** A row as it goes to the hub, or the reason why the hub can never take it. */
export function prepareRow(row: OutboxRow, { device, storeId, limit }: RowTarget): PreparedRow | PetioleError {
  try {
    const subject = outboxSubject(device, row.lane, row.subject);
    const id = messageId(device, storeId, row.seq);
    const headers = encodeRowHeaders(id, storeId, row);
    const added = EXPECTATION_BYTES + Math.max(id.length, laneFilter(device, row.lane).length);
    const bytes = Buffer.byteLength(headers) + added + row.body.length;
    if (bytes <= limit) return { row, subject, headers, messageId: id, bytes };
    return new PetioleError("ERR_LATTICE_MESSAGE", `Cannot send "${subject}": ${bytes} bytes, the hub takes ${limit}`);
  } catch (error) {
    if (isPetioleError(error, "ERR_LATTICE_MESSAGE")) return error;
    throw error;
  }
}
