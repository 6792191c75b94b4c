// Rows on their way between two threads. One buffer for all bodies, moved and not copied, and tuples in place of objects,
// whose names would be cloned with each: cloning took half of what a read costs.

import type { ClockState, OutboxRow, StoredLane } from "../../domain/outbox.ts";
import type { Millis } from "../../domain/units.ts";

/** Sequence, owner, lifetime, subject, headers, number of the boot in `boots`, stamps, clock, length of the body. */
type PackedRow = readonly [
  number,
  string | undefined,
  Millis | undefined,
  string,
  OutboxRow["headers"] | undefined,
  number,
  Millis,
  Millis,
  ClockState,
  number,
];

export interface RowBatch {
  readonly lane: StoredLane;
  readonly boots: readonly string[];
  readonly rows: readonly PackedRow[];
  readonly bodies: Uint8Array<ArrayBuffer>;
}

export function packRows(lane: StoredLane, rows: readonly OutboxRow[]): RowBatch {
  const boots: string[] = [];
  const bodies = new Uint8Array(rows.reduce((sum, { body }) => sum + body.byteLength, 0));
  let at = 0;
  const packed = rows.map((row): PackedRow => {
    const { seq, owner, ttl, subject, headers, bootId, monotonic, wall, clock, body } = row;
    let boot = boots.lastIndexOf(bootId);
    if (boot < 0) boot = boots.push(bootId) - 1;
    bodies.set(body, at);
    at += body.byteLength;
    const own = Object.keys(headers).length === 0 ? undefined : headers;
    return [seq, owner, ttl, subject, own, boot, monotonic, wall, clock, body.byteLength];
  });
  return { lane, boots, rows: packed, bodies };
}

export function unpackRows({ lane, boots, rows, bodies }: RowBatch): OutboxRow[] {
  let at = 0;
  return rows.map(([seq, owner, ttl, subject, headers, boot, monotonic, wall, clock, size]) => {
    const body = bodies.subarray(at, at + size);
    at += size;
    return {
      lane,
      seq,
      owner,
      ttl,
      subject,
      headers: headers ?? {},
      body,
      bootId: boots[boot] ?? "unknown",
      monotonic,
      wall,
      clock,
    };
  });
}
