import { PetioleError } from "../../domain/errors.ts";
import type { OutboxRow } from "../../domain/outbox.ts";

const SEQ = "Petiole-Seq";
const STORE = "Petiole-Store";
const BOOT = "Petiole-Boot";
/** Milliseconds since that boot. */
const MONOTONIC = "Petiole-Monotonic";
/** Unix milliseconds, as the device knew them. */
const WALL = "Petiole-Wall";
/** Set to `unsynced` when that time cannot be trusted. */
const CLOCK = "Petiole-Clock";

/** The server acts on `Nats-` headers, the forwarder on its own: a component may set neither. */
const RESERVED = /^(?:nats|petiole)-/i;
// RFC 9110 field names without the characters that NATS gives a meaning.
const NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;
const LINE_BREAK = /[\r\n]/;

/** What names a message at the hub: the same row gets the same id in each try. */
export function messageId(device: string, storeId: string, seq: number): string {
  return `${device}:${storeId}:${seq}`;
}

/**
 * The header lines of a row on its way to the hub, in their wire form: its own, less reserved ones, then identity and
 * stamps. Written here and not with the client's header class, which takes as long as all the rest of sending a row.
 * @throws PetioleError ERR_LATTICE_MESSAGE when a header of its own cannot be sent
 */
export function encodeRowHeaders(id: string, storeId: string, row: OutboxRow): string {
  let lines = "";
  for (const [name, value] of Object.entries(row.headers)) {
    if (RESERVED.test(name)) continue;
    if (!NAME.test(name) || LINE_BREAK.test(value)) {
      throw new PetioleError("ERR_LATTICE_MESSAGE", `Cannot send the header "${name}": want a token and one line`);
    }
    lines += `${name}: ${value}\r\n`;
  }
  lines += `Nats-Msg-Id: ${id}\r\n${SEQ}: ${row.seq}\r\n${STORE}: ${storeId}\r\n${BOOT}: ${row.bootId}\r\n`;
  lines += `${MONOTONIC}: ${Math.round(row.monotonic)}\r\n${WALL}: ${Math.round(row.wall)}\r\n`;
  return row.clock === "synced" ? lines : `${lines}${CLOCK}: ${row.clock}\r\n`;
}

/** Which row of which store a message at the hub is; undefined when no forwarder sent it. */
export function parsePosition(
  header: (name: string) => string | undefined,
): { readonly storeId: string; readonly seq: number } | undefined {
  const storeId = header(STORE);
  const seq = Number(header(SEQ));
  return storeId !== undefined && Number.isSafeInteger(seq) && seq > 0 ? { storeId, seq } : undefined;
}
