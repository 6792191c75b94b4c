// The protocol of Redis, RESP 2: https://redis.io/docs/latest/develop/reference/protocol-spec

/** An error that the server answered with. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  /** The first word, such as `WRONGTYPE`. */
  readonly code: string;

  constructor(text: string) {
    super(text);
    this.code = text.split(" ", 1)[0] ?? "";
  }
}

/** What a server says is not the protocol: nothing more can be read from the connection. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
}

export type Reply = string | bigint | Buffer | undefined | Refusal | readonly Reply[];
export type Argument = string | Uint8Array;

const CRLF = Buffer.from("\r\n");

export function encodeCommand(args: readonly Argument[]): Buffer {
  const parts: Uint8Array[] = [Buffer.from(`*${args.length}\r\n`)];
  for (const arg of args) {
    const bytes = typeof arg === "string" ? Buffer.from(arg) : arg;
    parts.push(Buffer.from(`$${bytes.byteLength}\r\n`), bytes, CRLF);
  }
  return Buffer.concat(parts);
}

/** Of one line: a number, a length, a status or the text of an error. */
const MAX_LINE = 64 * 1024;
const MAX_ITEMS = 100_000;
/** What keeping one costs besides its bytes, about. */
const ITEM = 64;
const MAX_DEPTH = 4;
const LF = 10;

interface Bulk {
  /** Undefined when the value is too large: it is read and let go. */
  readonly target: Buffer | undefined;
  /** With the end of line after it. */
  readonly size: number;
  filled: number;
}

/**
 * Reads replies from a connection, however it is cut into pieces. A value beyond `maxValue` becomes a Refusal; a list whose
 * values are together beyond it, and beyond what MAX_ITEMS numbers take, is none.
 */
export class ReplyParser {
  readonly #onReply: (reply: Reply) => void;
  readonly #maxValue: number;
  #line: Buffer = Buffer.alloc(0);
  #bulk: Bulk | undefined;
  readonly #open: { readonly items: Reply[]; readonly count: number }[] = [];
  /** What the lists that are open hold, in bytes. */
  #held = 0;

  constructor(onReply: (reply: Reply) => void, maxValue: number) {
    this.#onReply = onReply;
    this.#maxValue = maxValue;
  }

  /** @throws ProtocolError */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) at = this.#bulk === undefined ? this.#readLine(chunk, at) : this.#readBulk(chunk, at);
  }

  #readLine(chunk: Buffer, at: number): number {
    const end = chunk.indexOf(LF, at);
    const stop = end < 0 ? chunk.length : end + 1;
    if (this.#line.length + stop - at > MAX_LINE) throw new ProtocolError("a line is too long");
    const line = Buffer.concat([this.#line, chunk.subarray(at, stop)]);
    this.#line = end < 0 ? line : Buffer.alloc(0);
    if (end >= 0) this.#hold(line.length);
    if (end >= 0) this.#takeLine(line.toString("utf8").replace(/\r?\n$/, ""));
    return stop;
  }

  #takeLine(line: string): void {
    const rest = line.slice(1);
    switch (line.charAt(0)) {
      case "+":
        return this.#take(rest);
      case "-":
        return this.#take(new Refusal(rest));
      case ":":
        if (!/^-?\d{1,20}$/.test(rest)) throw new ProtocolError("a number is none");
        return this.#take(BigInt(rest));
      case "$":
        return this.#beginBulk(lengthOf(rest, Number.MAX_SAFE_INTEGER - 2));
      case "*":
        return this.#beginArray(lengthOf(rest, MAX_ITEMS));
      default:
        throw new ProtocolError("it is not the protocol of Redis");
    }
  }

  #beginBulk(length: number): void {
    if (length < 0) return this.#take(undefined);
    const size = length + CRLF.length;
    if (length <= this.#maxValue) this.#hold(length);
    this.#bulk = { target: length > this.#maxValue ? undefined : Buffer.allocUnsafe(size), size, filled: 0 };
  }

  #readBulk(chunk: Buffer, at: number): number {
    const bulk = this.#bulk;
    if (bulk === undefined) return at;
    const stop = Math.min(chunk.length, at + bulk.size - bulk.filled);
    if (bulk.target !== undefined) chunk.copy(bulk.target, bulk.filled, at, stop);
    bulk.filled += stop - at;
    if (bulk.filled === bulk.size) {
      this.#bulk = undefined;
      const length = bulk.size - CRLF.length;
      this.#take(bulk.target?.subarray(0, length) ?? new Refusal(`TOOLARGE a value of ${length} bytes`));
    }
    return stop;
  }

  /** A single value has a bound already. */
  #hold(bytes: number): void {
    if (this.#open.length === 0) return;
    this.#held += bytes;
    if (this.#held > this.#maxValue + MAX_ITEMS * ITEM) throw new ProtocolError("a list is too large");
  }

  #beginArray(count: number): void {
    if (count < 0) return this.#take(undefined);
    if (count === 0) return this.#take([]);
    if (this.#open.length === MAX_DEPTH) throw new ProtocolError("lists are nested too deep");
    this.#open.push({ items: [], count });
  }

  /** One value is complete, and with it perhaps the lists that it is the last of. */
  #take(value: Reply): void {
    this.#hold(ITEM);
    let reply = value;
    for (;;) {
      const list = this.#open.at(-1);
      if (list === undefined) {
        this.#held = 0;
        return this.#onReply(reply);
      }
      list.items.push(reply);
      if (list.items.length < list.count) return;
      this.#open.pop();
      reply = list.items;
    }
  }
}

/** -1 stands for nothing. */
function lengthOf(text: string, max: number): number {
  const length = /^(-1|\d{1,16})$/.test(text) ? Number(text) : Number.NaN;
  if (!(length <= max)) throw new ProtocolError("a length is none, or too large");
  return length;
}
