// What the functions of a core module take and return, as far as it matters at the border between core modules and
// components: there are only numbers there, so every type that is not one counts as the same, and fits nothing.

import { MalformedBinary, type ByteReader } from "./byte-reader.ts";

/** Core types of parameters and results in one string, such as "(i32 i64)->(i32)". Equal functions have equal ones. */
export type CoreSignature = string;

const NUMBERS: Readonly<Record<number, string>> = { 0x7f: "i32", 0x7e: "i64", 0x7d: "f32", 0x7c: "f64" };
const OTHER = "other";
/** Of what is no function's type, or a type that is not there: V8 refuses the module. */
const NO_FUNCTION = "none";
// As many as V8 takes.
const MAX_FUNCTIONS = 1_000_000;

export function coreSignature(params: readonly string[], results: readonly string[]): CoreSignature {
  return `(${params.join(" ")})->(${results.join(" ")})`;
}

/** The type section: a signature for each type index. */
export function readCoreTypes(section: ByteReader): readonly CoreSignature[] {
  const signatures: CoreSignature[] = [];
  section.list(() => {
    if (section.peek() !== 0x4e) signatures.push(readSubtype(section));
    else {
      section.byte();
      section.list(() => signatures.push(readSubtype(section)));
    }
  });
  return signatures;
}

/** The function section: the type index of each function that the module defines. */
export function readFunctionTypes(section: ByteReader): Uint32Array {
  const at = section.offset;
  const count = section.u32();
  if (count > MAX_FUNCTIONS) throw new MalformedBinary(`has a core module of ${count} functions, at byte ${at}`);
  const types = new Uint32Array(count);
  for (let index = 0; index < count; index++) types[index] = section.u32();
  return types;
}

/** A module's functions by index: those that it imports, then those that it defines. */
export function signatureAt(
  types: readonly CoreSignature[],
  imported: readonly number[],
  defined: Uint32Array,
  index: number,
): CoreSignature {
  const type = index < imported.length ? imported[index] : defined[index - imported.length];
  return (type === undefined ? undefined : types[type]) ?? NO_FUNCTION;
}

function readSubtype(reader: ByteReader): CoreSignature {
  const opcode = reader.byte();
  if (opcode !== 0x50 && opcode !== 0x4f) return readComposite(reader, opcode);
  reader.list(() => reader.u32());
  return readComposite(reader, reader.byte());
}

function readComposite(reader: ByteReader, opcode: number): CoreSignature {
  switch (opcode) {
    case 0x60: {
      const params = reader.list(() => readValueType(reader));
      return coreSignature(
        params,
        reader.list(() => readValueType(reader)),
      );
    }
    case 0x5f:
      reader.list(() => readField(reader));
      return NO_FUNCTION;
    case 0x5e:
      readField(reader);
      return NO_FUNCTION;
    default:
      throw new MalformedBinary(`has an unknown core type 0x${opcode.toString(16)} at byte ${reader.offset - 1}`);
  }
}

/** A field of a structure or an array; its type may also be a packed one. */
function readField(reader: ByteReader): void {
  readValueType(reader);
  reader.byte();
}

function readValueType(reader: ByteReader): string {
  const type = reader.byte();
  // References by a type's index or name of a heap.
  if (type === 0x63 || type === 0x64) {
    if (reader.peek() === 0x62) reader.byte(); // Exactly that type.
    reader.skipNumber();
  }
  return NUMBERS[type] ?? OTHER;
}
