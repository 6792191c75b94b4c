/** What the bytes of a component lack. Never leaves the binary reader: it becomes ERR_COMPONENT_INVALID there. */
export class MalformedBinary extends Error {
  override readonly name = "MalformedBinary";
}

const UTF8 = new TextDecoder("utf-8", { fatal: true });

// Bytes of a name that count as much as an item of a list.
const NAME_UNIT = 64;
// As much as other tools and engines take.
const MAX_NAME = 100_000;

/** An amount of work, after which a binary is refused: small files can describe more than any machine can hold. */
export class WorkLimit {
  readonly #limit: number;
  #done = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  spend(amount: number): void {
    this.#done += amount;
    if (this.#done > this.#limit) throw new MalformedBinary(`holds more than ${this.#limit} definitions and uses`);
  }
}

/** Reads the primitives of the binary format, within its bounds. Every method throws MalformedBinary. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #at: number;
  readonly #end: number;
  readonly #work: WorkLimit;

  /** Every section, every item of a list and every so many bytes of a name spend one of `work`. */
  constructor(bytes: Uint8Array, start = 0, end = bytes.length, work = new WorkLimit(Infinity)) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
    this.#work = work;
  }

  get offset(): number {
    return this.#at;
  }

  get done(): boolean {
    return this.#at >= this.#end;
  }

  byte(): number {
    const value = this.peek();
    this.#at++;
    return value;
  }

  peek(): number {
    const value = this.#at < this.#end ? this.#bytes[this.#at] : undefined;
    if (value === undefined) throw new MalformedBinary(`ends within a value, at byte ${this.#at}`);
    return value;
  }

  /** LEB128, at most 32 bits. */
  u32(): number {
    const start = this.#at;
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      if (shift === 28 && byte > 0x0f) break;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new MalformedBinary(`number at byte ${start} has more than 32 bits`);
  }

  /** Skips a LEB128 number of any length up to 64 bits. */
  skipNumber(): void {
    const start = this.#at;
    for (let length = 1; length <= 10; length++) if (this.byte() < 0x80) return;
    throw new MalformedBinary(`number at byte ${start} has more than 64 bits`);
  }

  /** Number of items that follow. Each takes at least one byte, so a count beyond the rest is refused at once. */
  count(): number {
    const start = this.#at;
    const count = this.u32();
    if (count > this.#end - this.#at) throw new MalformedBinary(`ends within a list of ${count}, at byte ${start}`);
    this.#work.spend(count);
    return count;
  }

  /** Items of a list, read by `item`. */
  list<T>(item: () => T): T[] {
    return Array.from({ length: this.count() }, item);
  }

  /** What follows a flag, when the flag says that it follows. */
  optional<T>(item: () => T): T | undefined {
    const start = this.#at;
    const flag = this.byte();
    if (flag > 1)
      throw new MalformedBinary(`has ${flag} where 0 or 1 says whether something follows, at byte ${start}`);
    return flag === 1 ? item() : undefined;
  }

  name(): string {
    const start = this.#at;
    const length = this.u32();
    if (length > MAX_NAME) throw new MalformedBinary(`name at byte ${start} has more than ${MAX_NAME} bytes`);
    this.#work.spend(Math.floor(length / NAME_UNIT));
    try {
      return UTF8.decode(this.take(length));
    } catch (error) {
      if (error instanceof MalformedBinary) throw error;
      throw new MalformedBinary(`name at byte ${start} is not UTF-8`);
    }
  }

  take(length: number): Uint8Array {
    const start = this.#at;
    if (length > this.#end - start) {
      throw new MalformedBinary(`ends at byte ${this.#end}, wanted ${length} bytes from byte ${start}`);
    }
    this.#at += length;
    return this.#bytes.subarray(start, this.#at);
  }

  /** Counts something that takes more memory than an item of a list. */
  spend(amount: number): void {
    this.#work.spend(amount);
  }

  /** A reader of the next `length` bytes, which this one skips. Offsets stay those of the whole file. */
  section(length: number): ByteReader {
    const start = this.#at;
    this.#work.spend(1);
    this.take(length);
    return new ByteReader(this.#bytes, start, this.#at, this.#work);
  }
}
