// Streams whose other end is a provider's, in the main thread.

import { STREAM_WINDOW, type StreamInput, type StreamOutput } from "../stream-messages.ts";
import {
  CLOSED,
  InputStream,
  IoError,
  OutputStream,
  streamFailure,
  type ByteSink,
  type ByteSource,
  type StreamError,
} from "../wasi/streams.ts";
import { Signal, type Suspend } from "../wasi/waiting.ts";

type Post = (output: StreamOutput) => void;

interface RemoteEnd {
  onInput(input: StreamInput): void;
}

export class RemoteStreams {
  readonly #suspend: Suspend;
  readonly #post: (stream: number, output: StreamOutput) => void;
  readonly #ends = new Map<number, RemoteEnd>();

  constructor(suspend: Suspend, post: (stream: number, output: StreamOutput) => void) {
    this.#suspend = suspend;
    this.#post = post;
  }

  input(stream: number): InputStream {
    return new InputStream(
      this.#suspend,
      this.#open(stream, (post) => new RemoteSource(post)),
    );
  }

  output(stream: number): OutputStream {
    return new OutputStream(
      this.#suspend,
      this.#open(stream, (post) => new RemoteSink(post)),
    );
  }

  onInput(stream: number, input: StreamInput): void {
    this.#ends.get(stream)?.onInput(input);
  }

  #open<T extends RemoteEnd>(stream: number, make: (post: Post) => T): T {
    const end = make((output) => {
      if (output.kind === "closed") this.#ends.delete(stream);
      this.#post(stream, output);
    });
    this.#ends.set(stream, end);
    return end;
  }
}

const NOTHING = new Uint8Array(0);
/** Told in portions, so that not every small read costs a message. */
const CREDIT_PORTION = STREAM_WINDOW / 4;

class RemoteSource implements ByteSource, RemoteEnd {
  readonly #signal = new Signal();
  readonly #post: Post;
  readonly #chunks: Uint8Array[] = [];
  #end: StreamError | undefined;
  #taken = 0;

  constructor(post: Post) {
    this.#post = post;
  }

  onInput(input: StreamInput): void {
    if (input.kind === "chunk") this.#chunks.push(input.bytes);
    else if (input.kind === "end") this.#end = CLOSED;
    else if (input.kind === "failed") this.#end = streamFailure(new IoError(input.reason));
    this.#signal.notify();
  }

  ready(): boolean {
    return this.#chunks.length > 0 || this.#end !== undefined;
  }

  subscribe(wake: () => void): () => void {
    return this.#signal.subscribe(wake);
  }

  read(max: number): Uint8Array | StreamError {
    const [first] = this.#chunks;
    if (first === undefined) return this.#end ?? NOTHING;
    if (first.byteLength <= max) this.#chunks.shift();
    else this.#chunks[0] = first.subarray(max);
    const bytes = first.subarray(0, max);
    this.#taken += bytes.byteLength;
    if (this.#taken >= CREDIT_PORTION && this.#end === undefined) {
      this.#post({ kind: "credit", bytes: this.#taken });
      this.#taken = 0;
    }
    return bytes;
  }

  close(): void {
    this.#chunks.length = 0;
    this.#post({ kind: "closed" });
  }
}

class RemoteSink implements ByteSink, RemoteEnd {
  readonly #signal = new Signal();
  readonly #post: Post;
  #untaken = 0;
  #flushing = false;
  #failure: StreamError | undefined;

  constructor(post: Post) {
    this.#post = post;
  }

  onInput(input: StreamInput): void {
    if (input.kind === "credit") this.#untaken -= input.bytes;
    else if (input.kind === "failed") this.#failure = streamFailure(new IoError(input.reason));
    if (this.#untaken === 0) this.#flushing = false;
    this.#signal.notify();
  }

  ready(): boolean {
    return this.#failure !== undefined || (!this.#flushing && this.#untaken < STREAM_WINDOW);
  }

  subscribe(wake: () => void): () => void {
    return this.#signal.subscribe(wake);
  }

  space(): number | StreamError {
    return this.#failure ?? (this.#flushing ? 0 : STREAM_WINDOW - this.#untaken);
  }

  write(bytes: Uint8Array): void {
    if (bytes.byteLength === 0) return;
    this.#untaken += bytes.byteLength;
    // A copy of its own: a view would take all of its buffer along.
    const own = bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes);
    this.#post({ kind: "chunk", bytes: own });
  }

  flush(): void {
    this.#flushing = this.#untaken > 0;
  }

  close(): void {
    this.#post({ kind: "closed" });
  }
}
