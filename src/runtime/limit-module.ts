// Bounds the linear memories and the tables of a core module by rewriting the maximums in its binary: V8 has no other
// limit for each of them.

import { ByteReader, MalformedBinary } from "./binary/byte-reader.ts";

export const PAGE_SIZE = 65_536;
const MAX_PAGES = 65_536;
const MAX_TABLE = 0xffff_ffff;

const SECTIONS = { import: 2, table: 4, memory: 5 } as const;
const KINDS = { function: 0, table: 1, memory: 2, global: 3, tag: 4 } as const;

export interface ModuleLimits {
  /** Upper bound of each memory, in pages of 64 KiB. */
  readonly maxPages: number;
  readonly maxTableEntries: number;
}

/** What keeps a module from being bounded: more at its start than a limit allows, or a form not known. */
export class ModuleLimitError extends Error {
  override readonly name = "ModuleLimitError";
}

/**
 * The module with every memory and every table that it declares or imports bounded; growing beyond fails as it does
 * when memory is exhausted. Modules without either come back as they are.
 * @throws ModuleLimitError
 * @throws MalformedBinary when `module` is no core module
 */
export function limitModule(module: Uint8Array, limits: ModuleLimits): Uint8Array {
  const parts: Uint8Array[] = [module.subarray(0, 8)];
  const reader = new ByteReader(module, 8);
  let changed = false;
  while (!reader.done) {
    const start = reader.offset;
    const id = reader.byte();
    const section = reader.section(reader.u32());
    const rewritten = rewriteSection(id, section, module, limits);
    if (rewritten === undefined) parts.push(module.subarray(start, reader.offset));
    else {
      changed = true;
      parts.push(Uint8Array.from([id, ...leb(rewritten.length)]), rewritten);
    }
  }
  return changed ? Buffer.concat(parts) : module;
}

/**
 * The bytes to which each memory that the module declares may grow. Imported ones are those of another module.
 * @throws MalformedBinary when `module` is no core module
 */
export function declaredMemories(module: Uint8Array): readonly number[] {
  const reader = new ByteReader(module, 8);
  const found: number[] = [];
  while (!reader.done) {
    const id = reader.byte();
    const section = reader.section(reader.u32());
    if (id !== SECTIONS.memory) continue;
    const count = section.count();
    for (let index = 0; index < count; index++) {
      const flags = section.byte();
      const minimum = section.u32();
      const maximum = (flags & 1) === 1 ? section.u32() : MAX_PAGES;
      found.push(Math.max(minimum, maximum) * PAGE_SIZE);
    }
  }
  return found;
}

/** Undefined when there is nothing to bound in it. */
function rewriteSection(
  id: number,
  section: ByteReader,
  module: Uint8Array,
  limits: ModuleLimits,
): Uint8Array | undefined {
  switch (id) {
    case SECTIONS.memory:
      return rewriteList(section, module, () => rewriteMemory(section, limits));
    case SECTIONS.table:
      return rewriteList(section, module, () => rewriteTable(section, module, limits));
    case SECTIONS.import:
      return rewriteList(section, module, () => rewriteImport(section, module, limits));
    default:
      return undefined;
  }
}

/** `rewrite` reads one item and returns it anew, or undefined when it may stay as it is. */
function rewriteList(
  section: ByteReader,
  module: Uint8Array,
  rewrite: () => Uint8Array | undefined,
): Uint8Array | undefined {
  const count = section.count();
  const parts: Uint8Array[] = [Uint8Array.from(leb(count))];
  let changed = false;
  for (let index = 0; index < count; index++) {
    const start = section.offset;
    const rewritten = rewrite();
    changed ||= rewritten !== undefined;
    parts.push(rewritten ?? module.subarray(start, section.offset));
  }
  return changed ? Buffer.concat(parts) : undefined;
}

function rewriteImport(section: ByteReader, module: Uint8Array, limits: ModuleLimits): Uint8Array | undefined {
  const start = section.offset;
  section.take(section.u32());
  section.take(section.u32());
  const kind = section.byte();
  const described = section.offset;
  switch (kind) {
    case KINDS.function:
      section.u32();
      return undefined;
    case KINDS.global:
      skipReferenceType(section);
      section.byte();
      return undefined;
    case KINDS.tag:
      section.byte();
      section.u32();
      return undefined;
    case KINDS.table:
      return Buffer.concat([module.subarray(start, described), rewriteTableType(section, module, limits)]);
    case KINDS.memory:
      return Buffer.concat([module.subarray(start, described), rewriteMemory(section, limits)]);
    default:
      throw new MalformedBinary(`has an import of unknown kind ${kind} at byte ${described}`);
  }
}

// A table is a type alone, or these two bytes, a type, and the value of its entries.
const TABLE_WITH_VALUE = 0x40;

function rewriteTable(section: ByteReader, module: Uint8Array, limits: ModuleLimits): Uint8Array {
  if (section.peek() !== TABLE_WITH_VALUE) return rewriteTableType(section, module, limits);
  const head = section.take(2);
  const type = rewriteTableType(section, module, limits);
  const value = section.offset;
  skipConstant(section);
  return Buffer.concat([head, type, module.subarray(value, section.offset)]);
}

function rewriteTableType(section: ByteReader, module: Uint8Array, { maxTableEntries }: ModuleLimits): Uint8Array {
  const start = section.offset;
  skipReferenceType(section);
  const type = module.subarray(start, section.offset);
  const flags = section.byte();
  if ((flags & ~3) !== 0) throw new ModuleLimitError("one of its tables has 64-bit indices");
  const minimum = section.u32();
  const maximum = (flags & 1) === 1 ? section.u32() : MAX_TABLE;
  if (minimum > maxTableEntries) {
    throw new ModuleLimitError(
      `one of its tables starts with ${minimum} entries, the limit is ${maxTableEntries} (max_table)`,
    );
  }
  return Buffer.concat([type, Uint8Array.from(boundedLimits(flags, minimum, Math.min(maximum, maxTableEntries)))]);
}

// Bits of the flags: 1 a maximum follows, 2 shared, 4 64-bit, 8 a page size follows.
function rewriteMemory(section: ByteReader, { maxPages }: ModuleLimits): Uint8Array {
  const flags = section.byte();
  if ((flags & ~3) !== 0) throw new ModuleLimitError("its memory has 64-bit addresses or pages of its own size");
  const minimum = section.u32();
  const maximum = (flags & 1) === 1 ? section.u32() : MAX_PAGES;
  if (minimum > maxPages) {
    throw new ModuleLimitError(
      `its memory starts with ${minimum * PAGE_SIZE} bytes, the limit is ${maxPages * PAGE_SIZE}`,
    );
  }
  return Uint8Array.from(boundedLimits(flags, minimum, Math.min(maximum, maxPages)));
}

function boundedLimits(flags: number, minimum: number, maximum: number): number[] {
  return [flags | 1, ...leb(minimum), ...leb(maximum)];
}

function skipReferenceType(section: ByteReader): void {
  const type = section.byte();
  // These two are followed by the heap type, a signed number of up to five bytes.
  if (type === 0x63 || type === 0x64) skipNumber(section);
}

/** The constant expressions that tables begin with: null, a function, a global. */
function skipConstant(section: ByteReader): void {
  for (let opcode = section.byte(); opcode !== 0x0b; opcode = section.byte()) {
    if (opcode !== 0xd0 && opcode !== 0xd2 && opcode !== 0x23) {
      throw new ModuleLimitError(`one of its tables begins with a value of a form not known (${opcode})`);
    }
    skipNumber(section);
  }
}

function skipNumber(section: ByteReader): void {
  while (section.byte() >= 0x80);
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
