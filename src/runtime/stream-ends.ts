// The streams that an instance was given, seen from the main thread: what it reads is sent as it takes it, what it writes is
// handed to the provider in order.

import { PetioleError, WitError } from "../domain/errors.ts";
import type { ByteReader, ByteWriter } from "../lib/byte-streams.ts";
import { STREAM_WINDOW, type StreamInput, type StreamOutput } from "./stream-messages.ts";

/** Streams that an instance may have open. */
const MAX_STREAMS = 64;

interface End {
  onOutput(output: StreamOutput): void;
  /** The instance is gone. */
  abort(): void;
  /** Resolves when what was written until now has been taken. */
  readonly settled: Promise<void> | undefined;
}

export class StreamEnds implements Disposable {
  readonly #post: (stream: number, input: StreamInput) => void;
  readonly #ends = new Map<number, End>();
  #last = 0;
  #disposed = false;

  constructor(post: (stream: number, input: StreamInput) => void) {
    this.#post = post;
  }

  /** Returns the number that the worker knows it by. */
  read(from: ByteReader): number {
    try {
      this.#admit();
    } catch (error) {
      // What it has open is not left to itself.
      void from[Symbol.asyncIterator]()
        .return?.()
        .catch(() => {});
      throw error;
    }
    return this.#open((post, forget) => readerEnd(from, post, forget));
  }

  write(to: ByteWriter): number {
    this.#admit();
    return this.#open((post, forget) => writerEnd(to, post, forget));
  }

  onOutput(stream: number, output: StreamOutput): void {
    this.#ends.get(stream)?.onOutput(output);
  }

  /** What a component did before a call is done before the call. Undefined when there is nothing to wait for. */
  get settled(): Promise<unknown> | undefined {
    if (this.#ends.size === 0) return undefined;
    const all = [...this.#ends.values()].map(({ settled }) => settled).filter((one) => one !== undefined);
    return all.length === 0 ? undefined : Promise.all(all);
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    for (const end of this.#ends.values()) end.abort();
    this.#ends.clear();
  }

  #admit(): void {
    if (this.#ends.size < MAX_STREAMS) return;
    throw new PetioleError("ERR_COMPONENT_BUSY", `Cannot open a stream: an instance has at most ${MAX_STREAMS}`);
  }

  #open(make: (post: (input: StreamInput) => void, forget: () => void) => End): number {
    const stream = ++this.#last;
    const end = make(
      (input) => {
        if (!this.#disposed) this.#post(stream, input);
      },
      () => this.#ends.delete(stream),
    );
    if (this.#disposed) end.abort();
    else this.#ends.set(stream, end);
    return stream;
  }
}

function readerEnd(from: ByteReader, post: (input: StreamInput) => void, forget: () => void): End {
  let credit = STREAM_WINDOW;
  let over = false;
  let wake: (() => void) | undefined;

  async function pump(): Promise<void> {
    try {
      for await (const chunk of from) {
        let at = 0;
        while (at < chunk.byteLength) {
          if (over) return;
          if (credit === 0) {
            await new Promise<void>((resolve) => (wake = resolve));
            continue;
          }
          // A copy of its own: a view would take all of its buffer along.
          const bytes = new Uint8Array(chunk.subarray(at, at + credit));
          at += bytes.byteLength;
          credit -= bytes.byteLength;
          post({ kind: "chunk", bytes });
        }
        if (over) return;
      }
      post({ kind: "end" });
    } catch (error) {
      if (!over) post({ kind: "failed", reason: reasonFor(error) });
    }
  }

  const stop = (): void => {
    over = true;
    wake?.();
  };
  // Until it has come to its end, it counts as open: so does what it has open itself.
  void pump().finally(forget);
  return {
    settled: undefined,
    abort: stop,
    onOutput(output) {
      if (output.kind === "closed") stop();
      if (output.kind !== "credit") return;
      credit += output.bytes;
      wake?.();
    },
  };
}

function writerEnd(to: ByteWriter, post: (input: StreamInput) => void, forget: () => void): End {
  let work: Promise<void> | undefined;
  let over = false;
  let failed = false;

  const then = (act: () => Promise<void>): void => {
    const next = (work ?? Promise.resolve()).then(async () => {
      if (over) return;
      try {
        await act();
      } catch (error) {
        failed = true;
        post({ kind: "failed", reason: reasonFor(error) });
      }
      if (work === next) work = undefined;
    });
    work = next;
  };

  return {
    get settled() {
      return work;
    },
    abort() {
      over = true;
      if (!failed) to.abort();
    },
    onOutput(output) {
      if (output.kind === "chunk") {
        then(async () => {
          if (failed) return;
          await to.write(output.bytes);
          post({ kind: "credit", bytes: output.bytes.byteLength });
        });
      } else if (output.kind === "closed") {
        then(async () => {
          if (!failed) await to.close();
          over = true;
          forget();
        });
      }
    },
  };
}

/** Only what a provider says on purpose is for the component. */
function reasonFor(error: unknown): string {
  return error instanceof WitError && typeof error.payload === "string" ? error.payload : "the stream failed";
}
