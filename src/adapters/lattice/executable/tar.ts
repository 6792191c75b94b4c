// Reads the form of tar that provider archives come in: https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html

/** A regular file of the archive. Its content has to be read, or left, before the next entry is asked for. */
export interface TarEntry {
  readonly name: string;
  readonly size: number;
  readonly content: AsyncIterable<Uint8Array>;
}

/** What is wrong with an archive, as the second half of a sentence. */
export class TarFault extends Error {
  override readonly name = "TarFault";
}

const BLOCK = 512;
const NOTHING = new Uint8Array();

/** Whether `bytes`, the first of a file, begin a tar. */
export const isTarHeader = (bytes: Uint8Array): boolean => bytes.length >= BLOCK && hasChecksum(bytes);

/**
 * The regular files in `chunks`, in order; links, folders and extended headers are passed over. Reads to the end, also what
 * stands behind the archive's own end.
 * @throws TarFault when it is cut off or damaged
 */
export async function* readTar(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<TarEntry> {
  const input = createReader(chunks);
  for (;;) {
    const header = await input.exactly(BLOCK);
    // Some writers leave the two empty blocks at the end out.
    if (header === undefined || header.every((byte) => byte === 0)) break;
    if (!hasChecksum(header)) throw new TarFault("a header in it has the wrong checksum");
    const size = parseSize(header);
    let left = size;
    const content = (async function* () {
      while (left > 0) {
        const bytes = await input.some(left);
        if (bytes === undefined) throw new TarFault(`it is cut off within "${nameOf(header)}"`);
        left -= bytes.length;
        yield bytes;
      }
    })();
    const kind = header[156];
    if (kind === 0 || kind === 0x30) yield { name: nameOf(header), size, content };
    for await (const _rest of content);
    await input.skip((BLOCK - (size % BLOCK)) % BLOCK);
  }
  while ((await input.some(Infinity)) !== undefined);
}

function createReader(chunks: AsyncIterable<Uint8Array>) {
  const source = chunks[Symbol.asyncIterator]();
  let rest: Uint8Array = NOTHING;

  /** What comes next, at least one byte and at most `limit`; undefined at the end. */
  async function some(limit: number): Promise<Uint8Array | undefined> {
    while (rest.length === 0) {
      const next = await source.next();
      if (next.done === true) return undefined;
      rest = next.value;
    }
    const taken = rest.subarray(0, Math.min(limit, rest.length));
    rest = rest.subarray(taken.length);
    return taken;
  }

  /** Undefined at the end. @throws TarFault when the end comes in between */
  async function exactly(size: number): Promise<Uint8Array | undefined> {
    const bytes = new Uint8Array(size);
    for (let filled = 0; filled < size;) {
      const part = await some(size - filled);
      if (part === undefined) {
        if (filled === 0) return undefined;
        throw new TarFault("it is cut off within a header");
      }
      bytes.set(part, filled);
      filled += part.length;
    }
    return bytes;
  }

  /** A last entry need not be filled up. */
  async function skip(size: number): Promise<void> {
    for (let left = size; left > 0;) {
      const part = await some(left);
      if (part === undefined) return;
      left -= part.length;
    }
  }

  return { some, exactly, skip };
}

const text = (header: Uint8Array, start: number, length: number): string => {
  const field = header.subarray(start, start + length);
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
};

function nameOf(header: Uint8Array): string {
  // Only POSIX archives have a prefix there; others have times.
  const prefix = text(header, 257, 6) === "ustar" ? text(header, 345, 155) : "";
  const name = text(header, 0, 100);
  return (prefix === "" ? name : `${prefix}/${name}`).replace(/^\.\//, "");
}

function parseSize(header: Uint8Array): number {
  const digits = text(header, 124, 12).trim();
  // Sizes from 8 GiB on have another form, which is of no use here.
  if (!/^[0-7]*$/.test(digits)) throw new TarFault(`an entry of it has the size "${digits}"`);
  return digits === "" ? 0 : Number.parseInt(digits, 8);
}

/** The sum of all bytes, with the field of the checksum taken as spaces. */
function hasChecksum(header: Uint8Array): boolean {
  const told = text(header, 148, 8).trim();
  if (!/^[0-7]+$/.test(told)) return false;
  let sum = 0;
  for (let index = 0; index < BLOCK; index++) sum += index >= 148 && index < 156 ? 0x20 : (header[index] ?? 0);
  return sum === Number.parseInt(told, 8);
}
