// One HTTP request to a component, seen from the main thread: its body goes to the worker as the component takes it, the
// response comes back.

import { PetioleError } from "../domain/errors.ts";
import { MAX_INLINE_BODY, type HttpFields, type HttpRequest, type HttpResponse } from "../lib/http-message.ts";
import { ClientWait } from "./client-wait.ts";
import { packFields, unpackFields } from "./wasi/http/packed-fields.ts";
import {
  BODY_WINDOW,
  packBytes,
  unpackOutput,
  type ExchangeInput,
  type OutputMessage,
  type RequestMessage,
} from "./wasi/http/messages.ts";

export interface HttpExchangeDeps {
  /** For messages. */
  readonly action: string;
  /** Milliseconds. */
  readonly now: () => number;
  /** The client is gone, and nobody wants an answer. */
  readonly onGone: (exchange: HttpExchange) => void;
}

export class HttpExchange {
  readonly #deps: HttpExchangeDeps;
  readonly #request: HttpRequest;
  readonly #body: AsyncIterable<Uint8Array> | undefined;
  readonly message: RequestMessage;
  readonly client: ClientWait;
  readonly #head = Promise.withResolvers<HttpResponse>();
  readonly #chunks: Uint8Array[] = [];
  #untaken = 0;
  #post: ((input: ExchangeInput) => void) | undefined;
  #credit = 0;
  #credited: (() => void) | undefined;
  #pumping = false;
  #asking = false;
  #waiting: PromiseWithResolvers<void> | undefined;
  #trailers: HttpFields = [];
  #answered = false;
  #bodyOver = false;
  #turnOver = false;
  #fault: Error | undefined;
  #gone = false;

  /** @throws PetioleError ERR_LINK_INVALID when the request is none that HTTP could have brought */
  constructor(request: HttpRequest, deps: HttpExchangeDeps) {
    this.#request = request;
    this.#deps = deps;
    this.client = new ClientWait(deps.now);
    const { method, scheme, authority, pathWithQuery: path, headers, body } = request;
    const inline = body instanceof Uint8Array && body.byteLength <= MAX_INLINE_BODY;
    this.#body = body instanceof Uint8Array ? (inline ? undefined : once(body)) : body;
    for (const [name, value] of headers) {
      if (!name.includes("\0") && !value.includes("\0")) continue;
      throw new PetioleError("ERR_LINK_INVALID", `Cannot ${deps.action}: a header has a NUL character`);
    }
    // A copy of its own: a view would take all of its buffer along.
    const packed = inline ? packBytes(new Uint8Array(body)) : this.#body === undefined ? undefined : true;
    this.message = [method, scheme, authority, path, packFields(headers), packed];
    request.onCancelable?.((reason) => this.#cancel(reason));
  }

  /** Settled when the component has answered; its body may still be on its way. */
  get response(): Promise<HttpResponse> {
    return this.#head.promise;
  }

  get cancelled(): boolean {
    return this.#gone;
  }

  /** The request was given to a worker, possibly not to the first. */
  begin(post: (input: ExchangeInput) => void): void {
    this.#post = post;
    if (this.#gone) post({ kind: "cut", reason: "connection-terminated" });
  }

  onOutput(output: OutputMessage): void {
    const { informational, head, chunk, end, failed, credit } = unpackOutput(output);
    for (const { status, headers } of informational ?? []) {
      this.#request.onInformational?.(status, unpackFields(headers));
    }
    if (credit !== undefined) this.#onCredit(credit);
    if (failed !== undefined) this.#fail(this.failure(output));
    if (chunk !== undefined) {
      this.#chunks.push(chunk);
      this.#taken(-chunk.byteLength);
    }
    if (end !== undefined) {
      this.#bodyOver = true;
      if (end.trailers !== undefined) this.#trailers = unpackFields(end.trailers);
    }
    if (head !== undefined && this.#fault === undefined) this.#answer(head.status, unpackFields(head.headers));
    this.#waiting?.resolve();
  }

  /** What is wrong with how the component answered; undefined when nothing is, or nobody cares any more. */
  failure([, , , , , failed]: OutputMessage): PetioleError | undefined {
    if (failed === undefined || this.#gone) return undefined;
    return new PetioleError("ERR_COMPONENT_RESPONSE", `Cannot ${this.#deps.action}: ${failed}`);
  }

  /** The component returned, or failed with `error`. */
  finish(error?: unknown): void {
    this.#turnOver = true;
    this.#credited?.();
    if (error !== undefined) this.#fail(error);
  }

  /** A response whose end is here is given out whole. */
  #answer(status: number, headers: HttpFields): void {
    this.#answered = true;
    const [only] = this.#chunks;
    const trailers = (): HttpFields => this.#trailers;
    if (!this.#bodyOver) this.#head.resolve({ status, headers, body: this.#read(), trailers });
    else {
      const body = this.#chunks.length > 1 ? Buffer.concat(this.#chunks) : (only ?? new Uint8Array());
      this.#head.resolve({ status, headers, body, trailers });
    }
  }

  async *#read(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        const chunk = this.#chunks.shift();
        if (chunk !== undefined) {
          this.#taken(chunk.byteLength);
          if (!this.#turnOver) this.#post?.({ kind: "credit", bytes: chunk.byteLength });
          yield chunk;
        } else if (this.#fault !== undefined) throw this.#fault;
        else if (this.#bodyOver) return;
        else {
          this.#waiting = Promise.withResolvers();
          await this.#waiting.promise;
        }
      }
    } finally {
      // Whoever reads no further has gone away.
      if (!this.#bodyOver && this.#fault === undefined) this.#cancel(new Error("The response was not read to its end"));
    }
  }

  /** The component waits for more credit when the whole window lies here. */
  #taken(bytes: number): void {
    this.#untaken -= bytes;
    this.client.response = this.#untaken >= BODY_WINDOW;
  }

  #onCredit(bytes: number): void {
    this.#credit += bytes;
    this.#asked(this.#asking);
    this.#credited?.();
    if (this.#pumping || this.#body === undefined) return;
    this.#pumping = true;
    void this.#pump(this.#body);
  }

  /** Ends with the body, or with the turn: what is left then is nobody's. */
  async #pump(body: AsyncIterable<Uint8Array>): Promise<void> {
    const { maxBody = Infinity } = this.#request;
    let total = 0;
    try {
      this.#asked(true);
      for await (const chunk of body) {
        this.#asked(false);
        total += chunk.byteLength;
        if (total > maxBody) {
          this.#send({ kind: "cut", reason: "HTTP-request-body-size" });
          return;
        }
        for (let at = 0; at < chunk.byteLength;) {
          while (this.#credit === 0 && !this.#over) await this.#moreCredit();
          if (this.#over) return;
          const bytes = new Uint8Array(chunk.subarray(at, at + this.#credit));
          at += bytes.byteLength;
          this.#credit -= bytes.byteLength;
          this.#send({ kind: "chunk", bytes });
        }
        this.#asked(true);
      }
      this.#asked(false);
      const trailers = this.#request.trailers?.() ?? [];
      this.#send({ kind: "end", trailers: trailers.length === 0 ? undefined : packFields(trailers) });
    } catch {
      // Where the body comes from has failed: to the component the client is gone.
      this.#send({ kind: "cut", reason: "connection-terminated" });
    }
  }

  /** Whether the body's source is to give more; the component waits for it when it has room. */
  #asked(asking: boolean): void {
    this.#asking = asking;
    this.client.request = asking && this.#credit > 0;
  }

  get #over(): boolean {
    return this.#turnOver || this.#gone;
  }

  #send(input: ExchangeInput): void {
    if (!this.#over) this.#post?.(input);
  }

  #moreCredit(): Promise<void> {
    return new Promise((resolve) => {
      this.#credited = resolve;
    });
  }

  #cancel(reason: Error): void {
    if (this.#gone || (this.#turnOver && this.#bodyOver)) return;
    this.#send({ kind: "cut", reason: "connection-terminated" });
    this.#gone = true;
    this.#credited?.();
    this.#fail(reason);
    this.#deps.onGone(this);
  }

  #fail(error: unknown): void {
    if (error === undefined || (this.#answered && this.#bodyOver)) return;
    this.#fault ??= error instanceof Error ? error : new Error("The request was given up", { cause: error });
    this.#head.reject(this.#fault);
    this.#waiting?.resolve();
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
