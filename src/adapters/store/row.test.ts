import { describe, test } from "vitest";
import { millis } from "../../domain/units.ts";
import { makeRecord, PAGE_SIZE, recordSizes, rowChecksum, rowCost, type RowRecord } from "./row.ts";

const stamp = { seq: 7, monotonic: millis(1000), wall: millis(2000), ttl: 5000 };
const message = { lane: "standard", subject: "a.b", body: new Uint8Array([1, 2]), headers: { h: "v" } } as const;

describe("makeRecord()", () => {
  test("copies the body out of a larger buffer", ({ expect }) => {
    const pool = new Uint8Array(1000);
    const record = makeRecord({ ...message, body: pool.subarray(10, 20) }, stamp);
    pool.fill(9);
    expect(record.body.buffer.byteLength).toBe(10);
    expect([...record.body]).toEqual(Array.from({ length: 10 }, () => 0));
  });

  test("makes the subject well-formed, as the database would", ({ expect }) => {
    expect(makeRecord({ ...message, subject: "a\ud800" }, stamp).subject).toBe("a\ufffd");
  });
});

describe("rowChecksum()", () => {
  const record = makeRecord(message, stamp);
  const others: Readonly<Record<string, RowRecord>> = {
    lane: { ...record, lane: "critical" },
    seq: { ...record, seq: 8 },
    subject: { ...record, subject: "a.c" },
    headers: { ...record, headers: '{"h":"w"}' },
    body: { ...record, body: new Uint8Array([1, 3]) },
    monotonic: { ...record, monotonic: millis(1001) },
    wall: { ...record, wall: millis(2001) },
    ttl: { ...record, ttl: null },
    owner: { ...record, owner: "other" },
  };
  for (const [field, other] of Object.entries(others)) {
    test(`changes with ${field}`, ({ expect }) => {
      expect(rowChecksum(other, 1)).not.toBe(rowChecksum(record, 1));
    });
  }
  test("changes with the boot, and with nothing else", ({ expect }) => {
    expect(rowChecksum(record, 2)).not.toBe(rowChecksum(record, 1));
    expect(rowChecksum(makeRecord(message, stamp), 1)).toBe(rowChecksum(record, 1));
  });
});

describe("rowCost()", () => {
  const cost = (body: number): number => rowCost({ owner: 0, subject: 10, headers: 2, body });

  test("is the payload and a little for small rows", ({ expect }) => {
    expect(cost(200)).toBeGreaterThan(212);
    expect(cost(200)).toBeLessThan(280);
  });

  test("counts what a page leaves empty: a row above half a page takes a page", ({ expect }) => {
    expect(cost(2100)).toBe(PAGE_SIZE);
    expect(cost(1900)).toBeLessThan(PAGE_SIZE);
  });

  test("counts whole overflow pages", ({ expect }) => {
    expect(cost(100_000)).toBeGreaterThan(100_000);
    expect(cost(100_000)).toBeLessThan(100_000 + 2 * PAGE_SIZE);
  });

  test("never falls as the body grows within a page, and covers the payload", ({ expect }) => {
    for (let body = 0; body < 20_000; body += 7) expect(cost(body)).toBeGreaterThanOrEqual(body);
  });

  test("counts text in UTF-8 bytes", ({ expect }) => {
    const record = makeRecord({ ...message, subject: "größe", headers: { e: "°" } }, stamp);
    expect(recordSizes(record)).toEqual({ owner: 0, subject: 7, headers: 10, body: 2 });
  });
});
