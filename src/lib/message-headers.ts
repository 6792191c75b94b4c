// Headers of outbox messages: which a publisher may set, and the one that says where an imported message comes from.

import type { OutboxRow } from "../domain/outbox.ts";

/**
 * Set by an import only: a message that came in a file keeps the identity and the stamps that its own device gave it.
 * The forwarder's own `Petiole-` headers say which device brought it to the hub.
 */
export const ORIGIN_HEADER = "Origin-Petiole";

/** The server acts on `Nats-` headers, the forwarder on `Petiole-`. */
const RESERVED = /^(?:nats-|petiole-|origin-petiole$)/i;
// RFC 9110 field names without the characters that NATS gives a meaning.
const NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}$/;
const LINE_BREAK = /[\r\n\0]/;

/** Why a publisher may not set this header; undefined when it may. */
export function headerProblem(name: string, value: string): string | undefined {
  if (!NAME.test(name)) return "want a name of letters, digits and -";
  if (RESERVED.test(name)) return "the name is petiole's or the server's own";
  if (LINE_BREAK.test(value)) return "want a value of one line";
  return undefined;
}

/** Where a message was first accepted. */
export interface MessageOrigin {
  readonly device: string;
  readonly storeId: string;
}

type OriginRow = Pick<OutboxRow, "seq" | "bootId" | "monotonic" | "wall" | "clock">;

/**
 * `device=gw-1;store=…;seq=7;boot=…;monotonic=12000;wall=1700000000000`, times in milliseconds; and `;clock=unsynced` when
 * the last one cannot be trusted.
 */
export function encodeOrigin({ device, storeId }: MessageOrigin, row: OriginRow): string {
  const { seq, bootId, monotonic, wall, clock } = row;
  const trust = clock === "synced" ? {} : { clock };
  const fields = { device, store: storeId, seq, boot: bootId, monotonic, wall, ...trust };
  return Object.entries(fields)
    .map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`)
    .join(";");
}

/** The headers of a message as it is taken in: one that was imported before keeps its first origin. */
export function withOrigin(headers: Readonly<Record<string, string>>, origin: string): Record<string, string> {
  const known = Object.keys(headers).some((name) => name.toLowerCase() === ORIGIN_HEADER.toLowerCase());
  return known ? { ...headers } : { ...headers, [ORIGIN_HEADER]: origin };
}
