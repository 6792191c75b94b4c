// Bounds the linear memories of a core module by rewriting the maximum in its binary: V8 has no other limit per memory.

import { ByteReader, MalformedBinary } from "./binary/byte-reader.ts";

export const PAGE_SIZE = 65_536;
const MAX_PAGES = 65_536;
const IMPORT_SECTION = 2;
const MEMORY_SECTION = 5;

/** What keeps a module from being bounded: more memory at its start than the limit allows, or a form not known. */
export class MemoryLimitError extends Error {
  override readonly name = "MemoryLimitError";
}

/**
 * The module with every memory that it declares or imports bounded to `maxPages`; growing beyond fails as it does
 * when memory is exhausted. Modules without memories come back as they are.
 * @throws MemoryLimitError
 * @throws MalformedBinary when `module` is no core module
 */
export function limitMemory(module: Uint8Array, maxPages: number): Uint8Array {
  const parts: Uint8Array[] = [module.subarray(0, 8)];
  const reader = new ByteReader(module, 8);
  let changed = false;
  while (!reader.done) {
    const start = reader.offset;
    const id = reader.byte();
    const section = reader.section(reader.u32());
    const rewritten =
      id === MEMORY_SECTION
        ? rewriteMemories(section, maxPages)
        : id === IMPORT_SECTION
          ? rewriteImports(section, module, maxPages)
          : undefined;
    if (rewritten === undefined) parts.push(module.subarray(start, reader.offset));
    else {
      changed = true;
      parts.push(Uint8Array.from([id, ...leb(rewritten.length)]), rewritten);
    }
  }
  return changed ? Buffer.concat(parts) : module;
}

function rewriteMemories(section: ByteReader, maxPages: number): Uint8Array {
  const count = section.count();
  const out = [...leb(count)];
  for (let index = 0; index < count; index++) out.push(...rewriteLimits(section, maxPages));
  return Uint8Array.from(out);
}

/** Undefined when no memory is imported. */
function rewriteImports(section: ByteReader, module: Uint8Array, maxPages: number): Uint8Array | undefined {
  const count = section.count();
  const parts: Uint8Array[] = [Uint8Array.from(leb(count))];
  let found = false;
  for (let index = 0; index < count; index++) {
    const start = section.offset;
    section.take(section.u32());
    section.take(section.u32());
    const kind = section.byte();
    if (kind !== 2) {
      skipImport(section, kind);
      parts.push(module.subarray(start, section.offset));
      continue;
    }
    parts.push(module.subarray(start, section.offset), Uint8Array.from(rewriteLimits(section, maxPages)));
    found = true;
  }
  return found ? Buffer.concat(parts) : undefined;
}

function skipImport(section: ByteReader, kind: number): void {
  switch (kind) {
    case 0: // function
      section.u32();
      return;
    case 1: // table
      skipReferenceType(section);
      skipLimits(section);
      return;
    case 3: // global
      skipValueType(section);
      section.byte();
      return;
    case 4: // tag
      section.byte();
      section.u32();
      return;
    default:
      throw new MalformedBinary(`has an import of unknown kind ${kind} at byte ${section.offset}`);
  }
}

function skipReferenceType(section: ByteReader): void {
  const type = section.byte();
  // 0x63 and 0x64 are followed by the heap type, a signed number of up to five bytes.
  if (type === 0x63 || type === 0x64) while (section.byte() >= 0x80);
}

function skipValueType(section: ByteReader): void {
  skipReferenceType(section);
}

function skipLimits(section: ByteReader): void {
  const flags = section.byte();
  section.u32();
  if ((flags & 1) === 1) section.u32();
}

// Bits of the flags: 1 a maximum follows, 2 shared, 4 64-bit, 8 a page size follows.
function rewriteLimits(section: ByteReader, maxPages: number): number[] {
  const flags = section.byte();
  if ((flags & ~3) !== 0) throw new MemoryLimitError("its memory has 64-bit addresses or pages of its own size");
  const minimum = section.u32();
  const maximum = (flags & 1) === 1 ? section.u32() : MAX_PAGES;
  if (minimum > maxPages) {
    throw new MemoryLimitError(
      `its memory starts with ${minimum * PAGE_SIZE} bytes, the limit is ${maxPages * PAGE_SIZE}`,
    );
  }
  return [flags | 1, ...leb(minimum), ...leb(Math.min(maximum, maxPages))];
}

function leb(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  bytes.push(rest);
  return bytes;
}
