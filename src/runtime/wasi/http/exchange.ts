// One request that a component serves: hands it over, collects the response.

import { err, ok, type WasiResult } from "../result.ts";
import { Signal, type Suspend } from "../waiting.ts";
import { IncomingBody, type BodyTarget } from "./body.ts";
import { BodyQueue } from "./body-queue.ts";
import type { ErrorCode } from "./error-code.ts";
import { Fields } from "./fields.ts";
import { methodOf, schemeOf, type Method, type Scheme } from "./method.ts";
import {
  BODY_WINDOW,
  NO_OUTPUT,
  packOutput,
  unpackBytes,
  type ExchangeInput,
  type ExchangeOutput,
  type OutputMessage,
  type RequestMessage,
} from "./messages.ts";
import type { OutgoingResponse } from "./outgoing-response.ts";

// A response is given out when the component waits or returns, so that most are one message; sooner when it is longer.
const RELEASE_SIZE = 16_384;
/** Responses with status 1xx before the response. */
export const MAX_INFORMATIONAL = 16;

export interface ExchangeDeps {
  readonly suspend: Suspend;
  readonly post: (output: OutputMessage) => void;
}

export class Exchange implements BodyTarget {
  readonly #deps: ExchangeDeps;
  readonly #request: RequestMessage;
  readonly #signal = new Signal();
  readonly request: IncomingRequest;
  readonly outparam: ResponseOutparam;
  #queue: BodyQueue | undefined;
  #output: ExchangeOutput | undefined;
  #chunks: Uint8Array[] = [];
  #held = 0;
  #unacknowledged = 0;
  #written = 0;
  #informed = 0;
  #state: "unanswered" | "open" | "over" = "unanswered";
  #promised: number | undefined;
  #cut: ErrorCode | undefined;

  constructor(request: RequestMessage, deps: ExchangeDeps) {
    this.#request = request;
    this.#deps = deps;
    this.request = new IncomingRequest(request, () => new IncomingBody(deps.suspend, this.#body()));
    this.outparam = new ResponseOutparam(this);
  }

  /** What the main thread says of it. */
  onInput(input: ExchangeInput): void {
    switch (input.kind) {
      case "chunk":
        this.#queue?.push(input.bytes);
        break;
      case "end":
        this.#queue?.finish(ok(input.trailers === undefined ? undefined : Fields.received(input.trailers)));
        break;
      case "credit":
        this.#unacknowledged -= input.bytes;
        this.#signal.notify();
        break;
      case "cut": {
        const code: ErrorCode =
          input.reason === "HTTP-request-body-size" ? { tag: input.reason, val: undefined } : { tag: input.reason };
        this.#queue?.finish(err(code));
        if (input.reason === "connection-terminated") this.#cut = code;
        this.#signal.notify();
        break;
      }
    }
  }

  /** Gives out what was kept back: the component is about to wait. */
  release(): void {
    const output = this.#take();
    if (output !== undefined) this.#deps.post(packOutput(output));
  }

  /** The component returned: what is left to give out, with the fault of a response that is missing or not complete. */
  finish(): OutputMessage {
    if (this.#state === "unanswered") this.#fail("it returned without a response");
    else if (this.#state === "open") this.#fail("it returned before the end of the response's body");
    const output = this.#take();
    return output === undefined ? NO_OUTPUT : packOutput(output);
  }

  respond(response: OutgoingResponse): void {
    const { status, headers, pipe } = response.take();
    this.#state = "open";
    const bodiless = this.#request[0] === "HEAD" || status === 204 || status === 304;
    this.#promised = bodiless ? undefined : response.contentLength;
    this.#pending().head = { status, headers };
    if (pipe === undefined) this.end(undefined);
    else pipe.attach(this);
  }

  refuse(code: ErrorCode): void {
    const detail = "val" in code && typeof code.val === "string" && code.val !== "" ? `: ${code.val}` : "";
    this.#fail(`it answered with the error ${code.tag}${detail}`);
  }

  /** False when there were too many. */
  inform(status: number, headers: Fields): boolean {
    if (this.#informed === MAX_INFORMATIONAL) return false;
    this.#informed++;
    (this.#pending().informational ??= []).push({ status, headers: headers.pack() });
    return true;
  }

  space(): number | ErrorCode {
    return this.#cut ?? Math.max(0, BODY_WINDOW - this.#unacknowledged);
  }

  write(bytes: Uint8Array): void {
    if (this.#state !== "open" || bytes.byteLength === 0) return;
    this.#chunks.push(bytes);
    this.#held += bytes.byteLength;
    this.#written += bytes.byteLength;
    this.#unacknowledged += bytes.byteLength;
    if (this.#held >= RELEASE_SIZE) this.release();
  }

  flushed(): boolean {
    return true;
  }

  end(trailers: Fields | undefined): void {
    if (this.#state !== "open") return;
    if (this.#promised !== undefined && this.#written !== this.#promised) {
      this.#fail(`the response's body has ${this.#written} bytes, its headers say ${this.#promised}`);
      return;
    }
    this.#state = "over";
    this.#pending().end = { trailers: trailers?.pack() };
  }

  abort(code: ErrorCode): void {
    const detail = code.tag === "internal-error" ? code.val : code.tag;
    this.#fail(`the response's body was given up: ${detail}`);
    this.#signal.notify();
  }

  subscribe(wake: () => void): () => void {
    return this.#signal.subscribe(wake);
  }

  #fail(reason: string): void {
    if (this.#state === "over") return;
    this.#state = "over";
    this.#pending().failed = reason;
  }

  #pending(): ExchangeOutput {
    return (this.#output ??= {});
  }

  #take(): ExchangeOutput | undefined {
    if (this.#held > 0) {
      const [only] = this.#chunks;
      this.#pending().chunk =
        this.#chunks.length === 1 && only !== undefined ? only : new Uint8Array(Buffer.concat(this.#chunks));
      this.#chunks = [];
      this.#held = 0;
    }
    const output = this.#output;
    this.#output = undefined;
    return output;
  }

  #body(): BodyQueue {
    const queue = this.#makeQueue();
    this.#queue = queue;
    const [, , , , , body] = this.#request;
    if (body === true && this.#cut === undefined) {
      // From here on somebody reads it.
      this.#pending().credit = BODY_WINDOW;
      this.release();
      return queue;
    }
    // With the client gone, the rest of a body that was to follow is missing.
    if (typeof body === "string" || body instanceof Uint8Array) queue.push(unpackBytes(body));
    queue.finish(this.#cut === undefined ? ok(undefined) : err(this.#cut));
    return queue;
  }

  #makeQueue(): BodyQueue {
    return new BodyQueue((bytes) => {
      this.#pending().credit = bytes;
      // At once: bytes that are dropped come and go while the component waits.
      this.release();
    });
  }
}

/** The resource `incoming-request`. */
export class IncomingRequest {
  readonly #request: RequestMessage;
  readonly #makeBody: () => IncomingBody;
  #consumed = false;

  constructor(request: RequestMessage, makeBody: () => IncomingBody) {
    this.#request = request;
    this.#makeBody = makeBody;
  }

  method(): Method {
    return methodOf(this.#request[0]);
  }

  pathWithQuery(): string | undefined {
    return this.#request[3];
  }

  scheme(): Scheme | undefined {
    const [, scheme] = this.#request;
    return scheme === undefined ? undefined : schemeOf(scheme);
  }

  authority(): string | undefined {
    return this.#request[2];
  }

  headers(): Fields {
    return Fields.received(this.#request[4]);
  }

  consume(): WasiResult<IncomingBody, undefined> {
    if (this.#consumed) return err(undefined);
    this.#consumed = true;
    return ok(this.#makeBody());
  }
}

/** The resource `response-outparam`. */
export class ResponseOutparam {
  readonly #exchange: Exchange;
  #used = false;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  static set(param: ResponseOutparam, response: WasiResult<OutgoingResponse, ErrorCode>): void {
    // The handle is gone after the first time, so this is no fault of a component.
    if (param.#used) throw new Error("the response was set before");
    param.#used = true;
    if (response.tag === "ok") param.#exchange.respond(response.val);
    else param.#exchange.refuse(response.val);
  }

  sendInformational(status: number, headers: Fields): WasiResult<undefined, ErrorCode> {
    // 101 would give the connection away.
    if (status < 100 || status > 199 || status === 101) return err({ tag: "HTTP-protocol-error" });
    if (this.#exchange.inform(status, headers)) return ok(undefined);
    return err({ tag: "internal-error", val: `more than ${MAX_INFORMATIONAL} informational responses` });
  }
}
