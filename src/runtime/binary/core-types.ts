// Types of core WebAssembly, read over: the linker leaves them to V8.

import { MalformedBinary, type ByteReader } from "./byte-reader.ts";
import type { CoreSort } from "./definitions.ts";

const WIDE = 4;

interface CoreImport {
  readonly sort: CoreSort;
  /** A memory with 64-bit addresses. */
  readonly wide: boolean;
  /** Index of a function's type. */
  readonly type?: number;
}

/** The description of an import of a core module. */
export function readCoreImport(reader: ByteReader): CoreImport {
  const at = reader.offset;
  switch (reader.byte()) {
    case 0x00:
      return { sort: "core func", wide: false, type: reader.u32() };
    case 0x01:
      skipValueType(reader);
      readLimits(reader);
      return { sort: "core table", wide: false };
    case 0x02:
      return { sort: "core memory", wide: readLimits(reader) };
    case 0x03:
      skipValueType(reader);
      reader.byte();
      return { sort: "core global", wide: false };
    case 0x04:
      reader.byte();
      reader.u32();
      return { sort: "core tag", wide: false };
    default:
      throw new MalformedBinary(`has a core import of unknown sort at byte ${at}`);
  }
}

/** Limits of a table or memory. True when it has 64-bit addresses. */
export function readLimits(reader: ByteReader): boolean {
  // Bits: 1 a maximum follows, 2 shared, 4 64-bit, 8 a page size follows.
  const flags = reader.byte();
  if (flags > 0x0f) throw new MalformedBinary(`has unknown limits at byte ${reader.offset - 1}`);
  reader.skipNumber();
  if ((flags & 1) !== 0) reader.skipNumber();
  if ((flags & 8) !== 0) reader.skipNumber();
  return (flags & WIDE) !== 0;
}

/** One core type within a component's type: a function's, or a module's. */
export function skipCoreType(reader: ByteReader): void {
  const at = reader.offset;
  const opcode = reader.byte();
  if (opcode === 0x60) skipFunctionType(reader);
  // Module types have a prefix in newer files, as their opcode is that of a subtype in core WebAssembly.
  else if (opcode === 0x00 && reader.peek() === 0x50) {
    reader.byte();
    skipModuleType(reader);
  } else if (opcode === 0x50) skipModuleType(reader);
  else throw new MalformedBinary(`has an unknown core type 0x${opcode.toString(16)} at byte ${at}`);
}

function skipModuleType(reader: ByteReader): void {
  reader.list(() => {
    const at = reader.offset;
    switch (reader.byte()) {
      case 0x00:
        reader.name();
        reader.name();
        readCoreImport(reader);
        return;
      case 0x01:
        if (reader.byte() !== 0x60) throw new MalformedBinary(`has an unknown core type at byte ${at}`);
        skipFunctionType(reader);
        return;
      case 0x02:
        reader.byte();
        reader.byte();
        reader.u32();
        reader.u32();
        return;
      case 0x03:
        reader.name();
        readCoreImport(reader);
        return;
      default:
        throw new MalformedBinary(`has an unknown declaration of a core module at byte ${at}`);
    }
  });
}

function skipFunctionType(reader: ByteReader): void {
  reader.list(() => skipValueType(reader));
  reader.list(() => skipValueType(reader));
}

function skipValueType(reader: ByteReader): void {
  const type = reader.byte();
  // References by a type's index or name of a heap.
  if (type === 0x63 || type === 0x64) reader.skipNumber();
}
