// Where the partitions of a disk or of an image of one are. Reads MBR and GPT.

/** Reads bytes of the disk; fewer when it ends before. */
export type ReadAt = (offset: number, length: number) => Promise<Uint8Array>;

export interface Partition {
  /** As the kernel counts them, from 1. */
  readonly number: number;
  /** Bytes from the beginning of the disk. */
  readonly offset: number;
  readonly size: number;
}

const SECTOR = 512;
/** Entries of a GPT are 128 bytes each, and more than these no tool makes. */
const MAX_GPT_ENTRIES = 256;
const EXTENDED = new Set([0x05, 0x0f, 0x85]);
const PROTECTIVE = 0xee;

/** Primary partitions of an MBR, or all of a GPT. Undefined when there is no table, as on a disk that is one file system. */
export async function readPartitions(read: ReadAt): Promise<Partition[] | undefined> {
  const mbr = view(await read(0, SECTOR));
  if (mbr.byteLength < SECTOR || mbr.getUint16(510, true) !== 0xaa55) return undefined;
  const entries = [0, 1, 2, 3].map((index) => {
    const at = 446 + index * 16;
    return {
      number: index + 1,
      status: mbr.getUint8(at),
      type: mbr.getUint8(at + 4),
      offset: mbr.getUint32(at + 8, true) * SECTOR,
      size: mbr.getUint32(at + 12, true) * SECTOR,
    };
  });
  // The boot sector of a file system ends with the same two bytes, and has code or text here.
  if (entries.some(({ status }) => status !== 0 && status !== 0x80)) return undefined;
  if (entries.some(({ type }) => type === PROTECTIVE)) return await readGpt(read);
  const used = entries.filter(({ type, size }) => type !== 0 && !EXTENDED.has(type) && size > 0);
  return used.length === 0 ? undefined : used.map(({ number, offset, size }) => ({ number, offset, size }));
}

async function readGpt(read: ReadAt): Promise<Partition[] | undefined> {
  const header = view(await read(SECTOR, SECTOR));
  if (header.byteLength < SECTOR || ascii(header, 0, 8) !== "EFI PART") return undefined;
  const start = Number(header.getBigUint64(72, true)) * SECTOR;
  const [count, entrySize] = [header.getUint32(80, true), header.getUint32(84, true)];
  if (count > MAX_GPT_ENTRIES || entrySize < 128 || entrySize > 4096) return undefined;
  const table = view(await read(start, count * entrySize));
  const found: Partition[] = [];
  for (let index = 0; (index + 1) * entrySize <= table.byteLength; index++) {
    const at = index * entrySize;
    // An entry without a type is not used.
    if (table.getBigUint64(at, true) === 0n && table.getBigUint64(at + 8, true) === 0n) continue;
    const [first, last] = [Number(table.getBigUint64(at + 32, true)), Number(table.getBigUint64(at + 40, true))];
    if (last >= first) found.push({ number: index + 1, offset: first * SECTOR, size: (last - first + 1) * SECTOR });
  }
  return found;
}

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function ascii(data: DataView, offset: number, length: number): string {
  return String.fromCharCode(...Array.from({ length }, (_, index) => data.getUint8(offset + index)));
}
