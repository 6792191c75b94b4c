import * as fc from "fast-check";
import { describe, test } from "vitest";
import { isPetioleError } from "../../domain/errors.ts";
import { EXPORTED_LANES } from "../../domain/outbox-report.ts";
import { kibibytes, millis, type Bytes } from "../../domain/units.ts";
import { encodeRow, encodeTrailer, messageSize, type FileHeader, type FileRow } from "./format.ts";
import { readOutboxFile, type FileItem } from "./read.ts";
import { sealLine } from "./sealed-line.ts";
import { createOutboxFileWriter, placeholderFor } from "./write.ts";

const HEADER: FileHeader = {
  id: "7f0d4c7e-3d5c-4c62-9a5e-0d6f3a1b2c4d",
  device: "gw-1",
  storeId: "store-1",
  wall: millis(1_700_000_000_000),
  trust: "synced",
  monotonic: millis(5000),
  bootId: "boot-1",
};

const row = (seq: number, more: Partial<FileRow> = {}): FileRow => ({
  seq,
  lane: EXPORTED_LANES[seq % EXPORTED_LANES.length] ?? "critical",
  subject: "readings.boiler",
  headers: { Unit: "°C" },
  body: Buffer.from(`reading ${seq}`),
  bootId: "boot-1",
  monotonic: millis(seq),
  wall: millis(1_700_000_000_000 + seq),
  clock: "synced",
  ...more,
});

function write(rows: readonly FileRow[], header = HEADER): Buffer {
  const writer = createOutboxFileWriter(header);
  const head = writer.head();
  const lines = rows.map((one) => writer.row(one));
  return Buffer.concat([head, ...lines, writer.trailer()]);
}

/** Gives a file in pieces of a size, in a buffer that is used again, as reading from a disk may. */
async function* inPieces(file: Buffer, size: number): AsyncGenerator<Buffer> {
  const buffer = Buffer.alloc(size);
  for (let at = 0; at < file.length; at += size) {
    yield buffer.subarray(0, file.copy(buffer, 0, at, at + size));
  }
}

async function read(file: Buffer, maxMessage: Bytes = kibibytes(64), size = 4096): Promise<FileItem[]> {
  const items: FileItem[] = [];
  for await (const item of readOutboxFile(inPieces(file, size), { maxMessage })) items.push(item);
  return items;
}

async function failure(file: Buffer, maxMessage?: Bytes): Promise<string> {
  try {
    await read(file, maxMessage);
    return "none";
  } catch (error) {
    if (isPetioleError(error)) return error.code;
    throw error;
  }
}

const INHERITED = JSON.parse('{"__proto__":"x"}') as Record<string, string>;
const FILE = write([row(1), row(2, { headers: INHERITED }), row(9, { ttl: millis(60_000), owner: "app" })]);

describe("an export file", () => {
  test("says what was written into it, in pieces of any size", async ({ expect }) => {
    const text = fc.string({ unit: "binary", maxLength: 20 }).map((value) => value.toWellFormed());
    const rows = fc
      .array(
        fc.record({
          step: fc.integer({ min: 1, max: 1000 }),
          lane: fc.constantFrom(...EXPORTED_LANES),
          subject: text,
          headers: fc.dictionary(text, text, { maxKeys: 3 }),
          body: fc.uint8Array({ maxLength: 200 }),
          ttl: fc.option(fc.nat().map(millis), { nil: undefined }),
          owner: fc.option(text, { nil: undefined }),
        }),
        { maxLength: 20 },
      )
      .map((steps) => {
        let seq = 0;
        return steps.map(({ step, ...more }) => row((seq += step), more));
      });
    await fc.assert(
      fc.asyncProperty(rows, fc.integer({ min: 1, max: 300 }), async (given, size) => {
        const [first, ...others] = await read(write(given), kibibytes(64), size);
        expect(first).toEqual({ kind: "header", header: HEADER });
        expect(others).toHaveLength(given.length);
        for (const [index, item] of others.entries()) {
          const wanted = given[index];
          if (item.kind !== "row" || wanted === undefined) throw new Error("expected a row");
          expect({ ...item.row, body: [...item.row.body] }).toEqual({
            ...wanted,
            // A dictionary may be without a prototype, and "__proto__" is a header like another.
            headers: JSON.parse(JSON.stringify(wanted.headers)) as object,
            body: [...wanted.body],
          });
        }
      }),
      { numRuns: 60 },
    );
  });

  test("cut off anywhere is noticed", async ({ expect }) => {
    expect(await failure(FILE)).toBe("none");
    for (let length = 0; length < FILE.length; length += 1) {
      expect(await failure(FILE.subarray(0, length)), `the first ${length} bytes`).toMatch(
        length < 20 ? /^ERR_EXPORT_(FORMAT|DAMAGED)$/ : /^ERR_EXPORT_DAMAGED$/,
      );
    }
  });

  test("with any byte changed to any other is noticed", async ({ expect }) => {
    const flip = fc.record({ at: fc.nat(FILE.length - 1), by: fc.integer({ min: 1, max: 255 }) });
    await fc.assert(
      fc.asyncProperty(flip, async ({ at, by }) => {
        const changed = Buffer.from(FILE);
        changed[at] = (changed[at] ?? 0) ^ by;
        expect(await failure(changed)).toMatch(/^ERR_EXPORT_(FORMAT|DAMAGED)$/);
      }),
      { numRuns: 500 },
    );
    // And each byte once for certain.
    for (let at = 0; at < FILE.length; at += 1) {
      const changed = Buffer.from(FILE);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(await failure(changed), `byte ${at}`).toMatch(/^ERR_EXPORT_(FORMAT|DAMAGED)$/);
    }
  });

  test("with a line left out, repeated or moved is noticed", async ({ expect }) => {
    const lines = FILE.toString().split("\n").slice(0, -1);
    const joined = (order: readonly number[]): Buffer => Buffer.from(order.map((at) => `${lines[at]}\n`).join(""));
    expect(await failure(joined([0, 1, 2, 3, 4]))).toBe("none");
    for (const order of [
      [0, 1, 3, 4],
      [0, 1, 1, 2, 3, 4],
      [0, 2, 1, 3, 4],
      [0, 1, 2, 3],
      [0, 1, 2, 3, 4, 4],
      [0, 4],
    ]) {
      expect(await failure(joined(order)), order.join()).toBe("ERR_EXPORT_DAMAGED");
    }
    expect(await failure(joined([1, 2, 3, 4]))).toBe("ERR_EXPORT_FORMAT");
  });

  test("with a sequence twice is refused, whoever sealed it", async ({ expect }) => {
    expect(await failure(write([row(1), row(2), row(2)]))).toBe("ERR_EXPORT_DAMAGED");
    expect(await failure(write([row(2), row(1)]))).toBe("ERR_EXPORT_DAMAGED");
  });

  test("of another version, of another kind, or with what is not known is refused as such", async ({ expect }) => {
    const newer = sealLine({ petiole: "outbox", version: 2, more: true });
    expect(await failure(newer)).toBe("ERR_EXPORT_FORMAT");
    await expect(read(newer)).rejects.toThrow("version 2: this petiole knows version 1");
    for (const other of ["", "\n", "{}\n", "PK\u0003\u0004", "x".repeat(10_000_000), FILE.toString().slice(1)]) {
      expect(await failure(Buffer.from(other))).toBe("ERR_EXPORT_FORMAT");
    }
    const lane = row(1, { lane: "bulk" as never });
    expect(await failure(write([lane]))).toBe("ERR_EXPORT_FORMAT");
  });

  test("with a message larger than accepted is refused as that, one of just that size is not", async ({ expect }) => {
    const large = row(1, { body: Buffer.alloc(5000) });
    const size = messageSize(large);
    expect(await failure(write([large]), size)).toBe("none");
    expect(await failure(write([large]), (size - 1) as Bytes)).toBe("ERR_OUTBOX_TOO_LARGE");
  });

  test("with a line of no end is given up before it fills the memory", async ({ expect }) => {
    let given = 0;
    async function* endless(): AsyncGenerator<Buffer> {
      yield createOutboxFileWriter(HEADER).head();
      for (;;) {
        given += 65_536;
        yield Buffer.alloc(65_536, "x");
      }
    }
    const reading = async (): Promise<void> => {
      for await (const _item of readOutboxFile(endless(), { maxMessage: kibibytes(64) }));
    };
    await expect(reading()).rejects.toMatchObject({ code: "ERR_EXPORT_DAMAGED" });
    expect(given).toBeLessThan(1_000_000);
  });

  test("whose trailer is still a placeholder says that it is unfinished", async ({ expect }) => {
    const writer = createOutboxFileWriter(HEADER);
    const parts = [writer.head(), writer.row(row(1))];
    const placeholder = placeholderFor(writer.trailer());
    expect(placeholder).toHaveLength(encodeTrailer({ rows: 1, sha256: writer.sha256() }).length);
    await expect(read(Buffer.concat([...parts, placeholder]))).rejects.toThrow("unfinished");
  });

  test("takes four thirds of a body and some 200 bytes for the rest", ({ expect }) => {
    const line = encodeRow(row(1, { body: Buffer.alloc(3000) }));
    expect(line.length).toBeGreaterThan(4000);
    expect(line.length).toBeLessThan(4300);
  });
});
