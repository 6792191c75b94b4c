import type { MsgHdrs } from "@nats-io/transport-node";
import { isPetioleError, PetioleError } from "../../domain/errors.ts";
import type { OutboxRow } from "../../domain/outbox.ts";
import { encodeRowHeaders, messageId } from "./outbox-headers.ts";
import { laneFilter, outboxSubject } from "./subjects.ts";

export interface PreparedRow {
  readonly row: OutboxRow;
  readonly subject: string;
  readonly headers: MsgHdrs;
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

/** Names and numbers of the headers that carry an expectation and the stream's name. */
const EXPECTATION_BYTES = 384;

/** A row as it goes to the hub, or the reason why the hub can never take it. */
export function prepareRow(row: OutboxRow, { device, storeId, limit }: RowTarget): PreparedRow | PetioleError {
  try {
    const subject = outboxSubject(device, row.lane, row.subject);
    const headers = encodeRowHeaders(device, storeId, row);
    const id = messageId(device, storeId, row.seq);
    const added = EXPECTATION_BYTES + Math.max(id.length, laneFilter(device, row.lane).length);
    const bytes = headerBytes(headers) + added + row.body.length;
    if (bytes <= limit) return { row, subject, headers, messageId: id, bytes };
    return new PetioleError("ERR_LATTICE_MESSAGE", `Cannot send "${subject}": ${bytes} bytes, the hub takes ${limit}`);
  } catch (error) {
    if (isPetioleError(error, "ERR_LATTICE_MESSAGE")) return error;
    throw error;
  }
}

/** Size in the wire form: a version line, `name: value` lines and an empty one. */
function headerBytes(headers: MsgHdrs): number {
  let size = "NATS/1.0\r\n\r\n".length;
  for (const [name, values] of headers) {
    for (const value of values) size += Buffer.byteLength(`${name}: ${value}\r\n`);
  }
  return size;
}
