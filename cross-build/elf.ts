// What the build has to know of ELF files (64-bit, little-endian): their segments, and the libraries they need.
//
// Why it does: the builder of single executables adds two segments to Node's file that are aligned to 4 KiB only. On a
// kernel with larger pages, such as the Raspberry Pi 5's (16 KiB), one of them shares a page with the end of the data
// segment. The kernel maps that page read-only, and the first write to the last variables of it ends the process. A
// segment that may be written is mapped as a private copy, which holds both: its file content and its address agree
// within the page. So the cure is the write flag on such a segment.

export interface Segment {
  /** Where its header is in the file. */
  readonly header: number;
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly address: number;
  readonly fileSize: number;
  readonly memorySize: number;
  readonly align: number;
}

export interface ElfFile {
  readonly machine: "x86-64" | "aarch64";
  readonly segments: readonly Segment[];
  /** Shared libraries that have to be on the machine, in the file's order. */
  readonly needed: readonly string[];
}

const MACHINES: Readonly<Record<number, ElfFile["machine"]>> = { 62: "x86-64", 183: "aarch64" };
const HEADER_SIZE = 64;
const SEGMENT_SIZE = 56;
const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PF_W = 2;
const FLAGS_OFFSET = 4;
const DT_NEEDED = 1;
const DT_STRTAB = 5;
const DYNAMIC_ENTRY_SIZE = 16;
/** The largest pages that kernels for these machines have. */
const LARGEST_PAGE = 0x10000;

/** @throws Error when it is not an ELF file of a machine that petiole is built for, or is cut short */
export function readElf(bytes: Uint8Array): ElfFile {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < HEADER_SIZE || view.getUint32(0) !== 0x7f454c46) throw new Error("not an ELF file");
  if (bytes[4] !== 2 || bytes[5] !== 1) throw new Error("not an ELF file of 64 bits, little-endian");
  const machine = MACHINES[view.getUint16(18, true)];
  if (machine === undefined) throw new Error(`an ELF file of machine ${view.getUint16(18, true)}`);
  const start = Number(view.getBigUint64(32, true));
  const size = view.getUint16(54, true);
  const count = view.getUint16(56, true);
  if (size !== SEGMENT_SIZE || start + size * count > bytes.length) throw new Error("its program headers are damaged");
  const segments = Array.from({ length: count }, (_, index) => readSegment(view, start + index * size));
  const beyond = segments.find((one) => one.type === PT_LOAD && one.offset + one.fileSize > bytes.length);
  if (beyond !== undefined) throw new Error("a segment ends beyond the file");
  return { machine, segments, needed: readNeeded(view, segments) };
}

function readSegment(view: DataView, header: number): Segment {
  const word = (offset: number): number => Number(view.getBigUint64(header + offset, true));
  return {
    header,
    type: view.getUint32(header, true),
    flags: view.getUint32(header + FLAGS_OFFSET, true),
    offset: word(8),
    address: word(16),
    fileSize: word(32),
    memorySize: word(40),
    align: word(48),
  };
}

function readNeeded(view: DataView, segments: readonly Segment[]): readonly string[] {
  const dynamic = segments.find((one) => one.type === PT_DYNAMIC);
  if (dynamic === undefined) return [];
  const names: number[] = [];
  let strings: number | undefined;
  for (let at = dynamic.offset; at < dynamic.offset + dynamic.fileSize; at += DYNAMIC_ENTRY_SIZE) {
    const tag = Number(view.getBigUint64(at, true));
    const value = Number(view.getBigUint64(at + 8, true));
    if (tag === 0) break;
    if (tag === DT_NEEDED) names.push(value);
    if (tag === DT_STRTAB) strings = fileOffset(segments, value);
  }
  const table = strings;
  if (table === undefined) return [];
  return names.map((name) => readString(view, table + name));
}

function fileOffset(segments: readonly Segment[], address: number): number | undefined {
  const segment = segments.find(
    (one) => one.type === PT_LOAD && address >= one.address && address < one.address + one.fileSize,
  );
  return segment === undefined ? undefined : segment.offset + address - segment.address;
}

function readString(view: DataView, offset: number): string {
  let end = offset;
  while (view.getUint8(end) !== 0) end += 1;
  return new TextDecoder().decode(new Uint8Array(view.buffer, view.byteOffset + offset, end - offset));
}

/**
 * Segments that would take the right to write from the end of a writable one, where a page of the largest kind holds
 * both.
 */
export function findReadOnlyOverlaps(segments: readonly Segment[]): readonly Segment[] {
  const loaded = segments.filter((one) => one.type === PT_LOAD);
  const isWritable = (one: Segment): boolean => (one.flags & PF_W) !== 0;
  return loaded.filter(
    (one) => !isWritable(one) && loaded.some((other) => isWritable(other) && sharesPage(other, one.address)),
  );
}

const pageOf = (address: number): number => Math.floor(address / LARGEST_PAGE);

/**
 * Gives those segments the right to write, in `bytes`. Returns how many there were.
 * @throws Error when that would not do: a shared page has to hold the same bytes for both
 */
export function repairOverlaps(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { segments } = readElf(bytes);
  const overlaps = findReadOnlyOverlaps(segments);
  for (const { header, flags, address, offset } of overlaps) {
    for (const other of segments) {
      if (other.type !== PT_LOAD || (other.flags & PF_W) === 0 || !sharesPage(other, address)) continue;
      if (other.memorySize !== other.fileSize || other.address - other.offset !== address - offset) {
        throw new Error("Cannot repair the program headers: segments that share a page lie apart in the file");
      }
    }
    view.setUint32(header + FLAGS_OFFSET, flags | PF_W, true);
  }
  return overlaps.length;
}

function sharesPage(writable: Segment, address: number): boolean {
  return address >= writable.address && pageOf(address) <= pageOf(writable.address + writable.memorySize - 1);
}

/** The smallest alignment of what is loaded: pages may not be larger than that. */
export function loadAlignment({ segments }: ElfFile): number {
  return Math.min(...segments.filter((one) => one.type === PT_LOAD).map((one) => one.align));
}

/** @throws Error when a kernel with the largest pages could not load the executable as it has to be */
export function checkPages(bytes: Uint8Array): void {
  const { segments } = readElf(bytes);
  if (findReadOnlyOverlaps(segments).length > 0) {
    throw new Error("A read-only segment shares a page with the end of a writable one");
  }
  const askew = segments.find((one) => one.type === PT_LOAD && (one.address - one.offset) % LARGEST_PAGE !== 0);
  if (askew !== undefined)
    throw new Error(`The segment at 0x${askew.address.toString(16)} cannot be mapped with large pages`);
}
