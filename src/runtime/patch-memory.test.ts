import { assert, nat, property, uint8Array } from "fast-check";
import { describe, test } from "vitest";
import { MalformedBinary } from "./binary/byte-reader.ts";
import { MemoryLimitError, PAGE_SIZE, limitMemory } from "./patch-memory.ts";

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

describe("limitMemory()", () => {
  test("bounds a memory that had no maximum", ({ expect }) => {
    const memory = memoryOf(limitMemory(withMemory(0, 1), 3));
    memory.grow(2);
    expect(memory.buffer.byteLength).toBe(3 * PAGE_SIZE);
    expect(() => memory.grow(1)).toThrow(RangeError);
  });

  test("lowers a maximum and never raises one", ({ expect }) => {
    expect(() => memoryOf(limitMemory(withMemory(1, 1, 100), 2)).grow(2)).toThrow(RangeError);
    expect(() => memoryOf(limitMemory(withMemory(1, 1, 2), 100)).grow(2)).toThrow(RangeError);
  });

  test("bounds imported memories, past imports of every other kind", ({ expect }) => {
    const imported = (...description: number[]): number[] => [...text("e"), ...text("x"), ...description];
    const before = [
      imported(0, 0), // function of type 0
      imported(1, 0x70, 1, 1, 5), // table of funcref, 1 to 5
      imported(1, 0x63, 0x70, 0, 1), // table of (ref null func)
      imported(3, 0x7f, 0), // global i32
    ].flat();
    const module = (...limits: number[]): Uint8Array =>
      core(section(1, 1, 0x60, 0, 0), section(2, 5, ...before, ...imported(2, ...limits)));
    const limited = limitMemory(module(0, 1), 9);
    expect(limited).toEqual(Buffer.from(module(1, 1, 9)));
    // V8 finds it well-formed.
    expect(new WebAssembly.Module(new Uint8Array(limited))).toBeInstanceOf(WebAssembly.Module);
  });

  test("leaves a module without memories as it is", ({ expect }) => {
    const module = core(section(1, 1, 0x60, 0, 0));
    expect(limitMemory(module, 1)).toBe(module);
  });

  test("refuses a module that starts with more, or has memory that it cannot bound", ({ expect }) => {
    expect(() => limitMemory(withMemory(0, 5), 4)).toThrow(MemoryLimitError);
    expect(() => limitMemory(withMemory(4, 1), 4)).toThrow(/64-bit/);
  });

  test("throws nothing but its own errors, whatever the bytes", ({ expect }) => {
    assert(
      property(uint8Array({ maxLength: 200 }), nat(100), (bytes, pages) => {
        try {
          limitMemory(Uint8Array.from([...HEADER, ...bytes]), pages);
        } catch (error) {
          expect(error instanceof MalformedBinary || error instanceof MemoryLimitError).toBe(true);
        }
      }),
    );
  });
});
