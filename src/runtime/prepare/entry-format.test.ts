import { describe, test } from "vitest";
import { decodeEntry, decodeHeader, encodeEntry, MalformedEntry, type EntryContent } from "./entry-format.ts";

const CONTENT: EntryContent = {
  component: "sha256:00",
  engine: {
    node: "26",
    v8: "14",
    arch: "x64",
    cpu: "plain",
    flags: 1,
    memoryProtection: "checks",
    linker: "own",
    transpiler: "other",
  },
  limits: { maxPages: 1, maxTableEntries: 2 },
  warmUpCalls: 3,
  inspection: Uint8Array.of(8),
  glue: { kind: "linked", script: "(() => 'ä')()", codeCache: Uint8Array.of(1, 2, 3) },
  modules: new Map([
    ["0", { wireBytes: Uint8Array.of(4, 5), machineCode: Uint8Array.of(6) }],
    ["1", { wireBytes: Uint8Array.of(), machineCode: undefined }],
  ]),
};

const file = (content: EntryContent): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.concat(encodeEntry(content)));

describe("decodeEntry()", () => {
  test("gives what encodeEntry() was given", ({ expect }) => {
    expect(decodeEntry(file(CONTENT))).toEqual(CONTENT);
    const cold = { ...CONTENT, glue: { kind: "jco" as const, script: "", codeCache: undefined }, modules: new Map() };
    expect(decodeEntry(file(cold))).toEqual(cold);
  });

  test("gives a code cache that shares no bytes with the file", ({ expect }) => {
    expect(decodeEntry(file(CONTENT)).glue.codeCache?.buffer.byteLength).toBe(3);
  });

  test("refuses whatever is no entry", ({ expect }) => {
    const whole = file(CONTENT);
    const longHeader = Uint8Array.from(whole);
    longHeader[12] = 0xff;
    longHeader[13] = 0xff;
    const noJson = Uint8Array.from(whole);
    noJson[16] = 0x20;
    const noHeader = whole.subarray(0, 16);
    const lengths = Array.from({ length: whole.byteLength }, (_, length) => whole.slice(0, length));
    for (const bytes of [
      longHeader,
      noJson,
      whole.with(0, 0),
      whole.with(8, 9),
      new Uint8Array(noHeader),
      ...lengths,
    ]) {
      expect(() => decodeEntry(new Uint8Array(bytes))).toThrow(MalformedEntry);
    }
  });

  test("refuses parts that lie outside", ({ expect }) => {
    const text = Buffer.from(file(CONTENT)).toString("latin1");
    expect(text).toContain('"offset":8,"size":14}');
    for (const place of ['"offset":9,"size":99}', '"offset":99,"size":9}', '"offset":-9,"size":9}']) {
      const moved = Buffer.from(text.replace('"offset":8,"size":14}', place), "latin1");
      expect(() => decodeEntry(new Uint8Array(moved))).toThrow(MalformedEntry);
    }
  });
});

describe("decodeHeader()", () => {
  test("says what an entry holds", ({ expect }) => {
    const { component, limits, warmUpCalls, glue, parts } = decodeHeader(file(CONTENT));
    expect({ component, limits, warmUpCalls, glue }).toEqual({
      component: "sha256:00",
      limits: CONTENT.limits,
      warmUpCalls: 3,
      glue: "linked",
    });
    expect(parts.map(({ kind, name, size }) => `${kind} ${name} ${size}`)).toEqual([
      "inspection  1",
      "glue  14",
      "code-cache  3",
      "module 0 2",
      "machine-code 0 1",
      "module 1 0",
    ]);
  });
});
