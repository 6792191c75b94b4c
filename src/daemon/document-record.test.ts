import { describe, test } from "vitest";
import { EMPTY, meaningOf, parseRecord, type DocumentRecord } from "./document-record.ts";

const text = "components: {}";
const value = new TextEncoder().encode(text);
const stored: DocumentRecord = { document: { bucket: "monday", revision: 7, text }, refused: undefined };
const refused = { bucket: "monday", revision: 9, code: "ERR_CONFIG_INVALID", message: "2 faults" };

describe("meaningOf()", () => {
  test("the first document, and a newer one, are taken", ({ expect }) => {
    expect(meaningOf(EMPTY, { bucket: "monday", revision: 1, value })).toEqual({ kind: "document", revision: 1, text });
    expect(meaningOf(stored, { bucket: "monday", revision: 8, value })).toMatchObject({
      kind: "document",
      revision: 8,
    });
  });

  test("the same and an older one are known, a refused one too", ({ expect }) => {
    expect(meaningOf(stored, { bucket: "monday", revision: 7, value })).toEqual({ kind: "known" });
    expect(meaningOf(stored, { bucket: "monday", revision: 6, value })).toEqual({ kind: "known" });
    expect(meaningOf({ ...stored, refused }, { bucket: "monday", revision: 9, value })).toEqual({ kind: "known" });
    expect(meaningOf({ ...stored, refused }, { bucket: "monday", revision: 10, value })).toMatchObject({
      kind: "document",
    });
  });

  test("a bucket that was made again counts anew", ({ expect }) => {
    expect(meaningOf(stored, { bucket: "tuesday", revision: 1, value })).toMatchObject({
      kind: "document",
      revision: 1,
    });
  });

  test("a deleted key takes the document away, with a marker and without", ({ expect }) => {
    expect(meaningOf(stored, { bucket: "monday", revision: 8, value: undefined })).toEqual({ kind: "deleted" });
    expect(meaningOf(stored, { bucket: "monday", revision: undefined, value: undefined })).toEqual({ kind: "deleted" });
    expect(meaningOf({ ...EMPTY, refused }, { bucket: "monday", revision: 10, value: undefined })).toEqual({
      kind: "deleted",
    });
    expect(meaningOf(EMPTY, { bucket: "monday", revision: 8, value: undefined })).toEqual({ kind: "known" });
  });

  test("a bucket that was made again and is empty takes nothing away", ({ expect }) => {
    expect(meaningOf(stored, { bucket: "tuesday", revision: undefined, value: undefined })).toEqual({
      kind: "missing",
    });
  });

  test("bytes that are no text are seen", ({ expect }) => {
    const binary = Uint8Array.of(0xff, 0xfe);
    expect(meaningOf(EMPTY, { bucket: "monday", revision: 1, value: binary })).toEqual({
      kind: "not-text",
      revision: 1,
    });
  });
});

describe("parseRecord()", () => {
  test("reads what was written", ({ expect }) => {
    expect(parseRecord(JSON.stringify({ ...stored, refused }))).toEqual({ ...stored, refused });
    expect(parseRecord(JSON.stringify(EMPTY))).toEqual(EMPTY);
  });

  test.for(["", "null", "[", '{"document":{"bucket":"b","revision":"7"}}', '{"document":{"bucket":"b","revision":7}}'])(
    "refuses %s",
    (broken, { expect }) => {
      expect(parseRecord(broken)).toBeUndefined();
    },
  );
});
