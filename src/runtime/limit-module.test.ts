import { assert, nat, property, uint8Array } from "fast-check";
import { describe, test } from "vitest";
import { MalformedBinary } from "./binary/byte-reader.ts";
import { ModuleLimitError, PAGE_SIZE, declaredMemories, limitModule } from "./limit-module.ts";

const boundMemory = (module: Uint8Array, maxPages: number): Uint8Array =>
  limitModule(module, { maxPages, maxTableEntries: 1000 });
const limitTables = (module: Uint8Array, maxTableEntries: number): Uint8Array =>
  limitModule(module, { maxPages: 1, maxTableEntries });

const HEADER = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
const text = (value: string): number[] => [value.length, ...Buffer.from(value)];
const section = (id: number, ...body: number[]): number[] => [id, body.length, ...body];
const core = (...sections: number[][]): Uint8Array<ArrayBuffer> => Uint8Array.from([...HEADER, ...sections.flat()]);

/** One memory of `limits`, exported as "m". */
const withMemory = (...limits: number[]): Uint8Array<ArrayBuffer> =>
  core(section(5, 1, ...limits), section(7, 1, ...text("m"), 2, 0));

interface Growable {
  grow(pages: number): number;
}
const memoryOf = (bytes: Uint8Array, imports?: WebAssembly.Imports): Growable & WebAssembly.Memory => {
  const instance = new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array(bytes)), imports);
  return instance.exports["m"] as Growable & WebAssembly.Memory;
};

/** One table, exported as "m". */
const withTable = (...table: number[]): Uint8Array<ArrayBuffer> =>
  core(section(4, 1, ...table), section(7, 1, ...text("m"), 1, 0));
const tableOf = (bytes: Uint8Array): Growable & { readonly length: number } =>
  new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array(bytes))).exports["m"] as Growable & {
    readonly length: number;
  };

describe("limitModule()", () => {
  test("bounds a memory that had no maximum", ({ expect }) => {
    const memory = memoryOf(boundMemory(withMemory(0, 1), 3));
    memory.grow(2);
    expect(memory.buffer.byteLength).toBe(3 * PAGE_SIZE);
    expect(() => memory.grow(1)).toThrow(RangeError);
  });

  test("lowers a maximum and never raises one", ({ expect }) => {
    expect(() => memoryOf(boundMemory(withMemory(1, 1, 100), 2)).grow(2)).toThrow(RangeError);
    expect(() => memoryOf(boundMemory(withMemory(1, 1, 2), 100)).grow(2)).toThrow(RangeError);
  });

  test("bounds imported memories and tables, past imports of every other kind", ({ expect }) => {
    const imported = (...description: number[]): number[] => [...text("e"), ...text("x"), ...description];
    const before = (...table: number[]): number[] =>
      [
        imported(0, 0), // function of type 0
        imported(1, 0x70, ...table), // table of funcref
        imported(1, 0x63, 0x70, 1, 1, 2), // table of (ref null func)
        imported(3, 0x7f, 0), // global i32
      ].flat();
    const module = (before: number[], ...limits: number[]): Uint8Array =>
      core(section(1, 1, 0x60, 0, 0), section(2, 5, ...before, ...imported(2, ...limits)));
    const limited = limitModule(module(before(1, 1, 5), 0, 1), { maxPages: 9, maxTableEntries: 3 });
    expect(limited).toEqual(Buffer.from(module(before(1, 1, 3), 1, 1, 9)));
    // V8 finds it well-formed.
    expect(new WebAssembly.Module(new Uint8Array(limited))).toBeInstanceOf(WebAssembly.Module);
  });

  test("leaves a module without memories and tables as it is", ({ expect }) => {
    const module = core(section(1, 1, 0x60, 0, 0));
    expect(boundMemory(module, 1)).toBe(module);
  });

  test("refuses a module that starts with more, or has memory that it cannot bound", ({ expect }) => {
    expect(() => boundMemory(withMemory(0, 5), 4)).toThrow(ModuleLimitError);
    expect(() => boundMemory(withMemory(4, 1), 4)).toThrow(/64-bit/);
  });

  test("bounds a table that had no maximum, and lowers one that had", ({ expect }) => {
    for (const limits of [
      [0, 1],
      [1, 1, 100],
    ]) {
      const table = tableOf(limitTables(withTable(0x70, ...limits), 3));
      table.grow(2);
      expect(table.length).toBe(3);
      expect(() => table.grow(1)).toThrow(RangeError);
    }
    expect(() => tableOf(limitTables(withTable(0x70, 1, 1, 2), 100)).grow(2)).toThrow(RangeError);
  });

  test("bounds tables whose entries have a value", ({ expect }) => {
    const nothing = [0xd0, 0x70, 0x0b];
    const table = tableOf(limitTables(withTable(0x40, 0, 0x70, 0, 2, ...nothing), 4));
    table.grow(2);
    expect(table.length).toBe(4);
    expect(() => table.grow(1)).toThrow(RangeError);
    expect(() => limitTables(withTable(0x40, 0, 0x70, 0, 2, 0x41, 0, 0x0b), 4)).toThrow(/form not known/);
  });

  test("refuses a table that starts with more, or has 64-bit indices", ({ expect }) => {
    expect(() => limitTables(withTable(0x70, 0, 5), 4)).toThrow(/starts with 5 entries, the limit is 4/);
    expect(() => limitTables(withTable(0x70, 4, 1), 4)).toThrow(ModuleLimitError);
  });

  test("throws nothing but its own errors, whatever the bytes", ({ expect }) => {
    assert(
      property(uint8Array({ maxLength: 200 }), nat(100), (bytes, pages) => {
        try {
          boundMemory(Uint8Array.from([...HEADER, ...bytes]), pages);
        } catch (error) {
          expect(error instanceof MalformedBinary || error instanceof ModuleLimitError).toBe(true);
        }
      }),
    );
  });
});

describe("declaredMemories()", () => {
  test("tells to what the memories of a module may grow", ({ expect }) => {
    expect(declaredMemories(withMemory(1, 1, 3))).toEqual([3 * PAGE_SIZE]);
    expect(declaredMemories(withMemory(0, 1))).toEqual([65_536 * PAGE_SIZE]);
    expect(declaredMemories(withTable(0x70, 0, 1))).toEqual([]);
  });
});
