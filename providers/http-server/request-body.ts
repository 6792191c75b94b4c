import type { IncomingMessage } from "node:http";

/** Undefined when it will be known at the end of the body. */
export function bodyLength({ headers }: IncomingMessage): number | undefined {
  return headers["transfer-encoding"] === undefined ? Number(headers["content-length"] ?? 0) : undefined;
}

/** The body of a request, read as somebody asks for it. */
export class RequestReader implements AsyncIterable<Uint8Array> {
  readonly #asked: IncomingMessage;
  readonly #maxBody: number;
  readonly #onFirst: (() => void) | undefined;
  #read = 0;
  /** The client is to send more of it. */
  waiting = false;

  /** `onFirst` is called before the first of it is waited for. */
  constructor(asked: IncomingMessage, maxBody: number, onFirst: (() => void) | undefined) {
    this.#asked = asked;
    this.#maxBody = maxBody;
    this.#onFirst = onFirst;
  }

  /** More came than may. */
  get tooLong(): boolean {
    return this.#read > this.#maxBody;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    this.#onFirst?.();
    this.waiting = true;
    try {
      // Who reads no further does not end the connection: the response still has to go out on it.
      for await (const chunk of this.#asked.iterator({ destroyOnReturn: false })) {
        this.waiting = false;
        this.#read += (chunk as Uint8Array).byteLength;
        yield chunk as Uint8Array; // A request has no encoding.
        this.waiting = true;
      }
    } finally {
      this.waiting = false;
    }
  }

  /** All of it. */
  async collect(): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of this) chunks.push(chunk);
    return chunks.length === 1 ? (chunks[0] ?? Buffer.alloc(0)) : Buffer.concat(chunks);
  }
}
