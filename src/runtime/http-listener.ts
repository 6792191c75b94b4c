// Serves node:http by a component.

import type { IncomingMessage, ServerResponse } from "node:http";
import { isPetioleError, type ErrorCode } from "../domain/errors.ts";
import { seconds, type Bytes, type Millis } from "../domain/units.ts";
import type { Logger } from "../lib/log.ts";
import type { HttpFields, HttpResponse, RunningComponent } from "./contract.ts";
import { MAX_INLINE_BODY } from "./wasi/http/messages.ts";
import { pairFields } from "./wasi/http/packed-fields.ts";

export interface HttpListenerDeps {
  readonly component: Pick<RunningComponent, "http">;
  readonly log: Logger;
  /** Longer bodies are refused, or cut off when their length is not known beforehand. */
  readonly maxBody: Bytes;
  /** How long a client may neither send what is missing of its request nor take what there is of the response. */
  readonly patience?: Millis;
}

const PATIENCE = seconds(10);

const CLIENT_TIMEOUT = 408;
const TOO_LARGE = 413;
const INTERNAL = 500;
const UNAVAILABLE = 503;
const TIMEOUT = 504;

/** Of failures that may pass; the others are faults of the component. */
const STATUS: Partial<Record<ErrorCode, number>> = {
  ERR_ADDRESS_SPACE: UNAVAILABLE,
  ERR_COMPONENT_BUSY: UNAVAILABLE,
  ERR_COMPONENT_STOPPED: UNAVAILABLE,
  ERR_COMPONENT_DEADLINE: TIMEOUT,
};

/** Without a body, whatever the headers say. */
const BODILESS: ReadonlySet<number> = new Set([204, 304]);

const CLIENT_GONE = new Error("The client is gone");
const CLIENT_SLOW = new Error("The client is too slow");

/** For `createServer` of node:http and node:https. */
export function createHttpListener(deps: HttpListenerDeps): (asked: IncomingMessage, answer: ServerResponse) => void {
  const { component, log, maxBody, patience = PATIENCE } = deps;

  async function serve(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
    const length = bodyLength(asked);
    if (length !== undefined && length > maxBody) {
      refuse(asked, answer, TOO_LARGE);
      return;
    }
    let cancel: ((reason: Error) => void) | undefined;
    const reader = new RequestReader(asked);
    // Node tells when nothing went over the connection for so long, and what waits for the component is no fault.
    answer.setTimeout(patience, () => {
      if (reader.waiting || answer.writableNeedDrain || answer.writableEnded) {
        refuse(asked, answer, CLIENT_TIMEOUT);
        cancel?.(CLIENT_SLOW);
      } else asked.socket.setTimeout(patience);
    });
    answer.on("close", () => {
      if (!answer.writableFinished) cancel?.(CLIENT_GONE);
    });
    try {
      const response = await component.http({
        method: asked.method ?? "GET",
        scheme: "encrypted" in asked.socket ? "https" : "http",
        ...target(asked),
        headers: pairFields(asked.rawHeaders),
        body: length === 0 ? undefined : isSmall(length) ? await collect(reader) : reader,
        maxBody,
        trailers: () => pairFields(asked.rawTrailers),
        onCancelable: (given) => {
          cancel = given;
        },
        onInformational: (status, headers) => inform(answer, status, headers),
      });
      await send(asked, answer, response);
    } catch (error) {
      if (answer.destroyed || answer.writableEnded) return;
      log.warn("HTTP request failed", { method: asked.method, err: error });
      refuse(asked, answer, isPetioleError(error) ? (STATUS[error.code] ?? INTERNAL) : INTERNAL);
    }
  }

  return (asked, answer) => void serve(asked, answer);
}

/** A client that takes this for a proxy names the authority in the target, and that one counts. */
function target({ url = "/", headers }: IncomingMessage): { authority: string | undefined; pathWithQuery: string } {
  if (url.startsWith("/") || url === "*") return { authority: headers.host, pathWithQuery: url };
  const absolute = URL.parse(url);
  if (absolute === null) return { authority: headers.host, pathWithQuery: url };
  return { authority: absolute.host, pathWithQuery: absolute.pathname + absolute.search };
}

/** Undefined when it will be known at the end of the body. */
function bodyLength({ headers }: IncomingMessage): number | undefined {
  return headers["transfer-encoding"] === undefined ? Number(headers["content-length"] ?? 0) : undefined;
}

function isSmall(length: number | undefined): boolean {
  return length !== undefined && length <= MAX_INLINE_BODY;
}

async function collect(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** The body of a request. */
class RequestReader implements AsyncIterable<Uint8Array> {
  readonly #asked: IncomingMessage;
  /** The client is to send more of it. */
  waiting = false;

  constructor(asked: IncomingMessage) {
    this.#asked = asked;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    this.waiting = true;
    try {
      // Who reads no further does not end the connection: the response still has to go out on it.
      for await (const chunk of this.#asked.iterator({ destroyOnReturn: false })) {
        this.waiting = false;
        yield chunk as Uint8Array; // A request has no encoding.
        this.waiting = true;
      }
    } finally {
      this.waiting = false;
    }
  }
}

function inform(answer: ServerResponse, status: number, headers: HttpFields): void {
  if (answer.headersSent) return;
  const link = headers.filter(([name]) => name.toLowerCase() === "link").map(([, value]) => value);
  if (status === 102) answer.writeProcessing();
  // The others say nothing that a client could use, and Node has no way to send them.
  else if (status === 103 && link.length > 0) answer.writeEarlyHints({ link });
}

async function send(asked: IncomingMessage, answer: ServerResponse, response: HttpResponse): Promise<void> {
  const { status, headers, body, trailers } = response;
  const whole = body instanceof Uint8Array;
  const raw: string[] = [];
  const bodiless = BODILESS.has(status);
  let framed = bodiless || asked.method === "HEAD";
  for (const [name, value] of headers) {
    const isLength = name.toLowerCase() === "content-length";
    if (isLength && bodiless) continue;
    raw.push(name, value);
    framed ||= isLength;
  }
  if (whole && !framed && trailers().length === 0) {
    raw.push("content-length", String(body.byteLength));
    framed = true;
  }
  // What is left of the request would be taken for the next one, or has to be read for nothing.
  if (!asked.complete) raw.push("connection", "close");
  // Node takes it for chunked bodies only, and those have trailers only.
  const chunked = !framed && asked.httpVersion !== "1.0";
  answer.writeHead(status, chunked ? raw : without("trailer", raw));
  if (!whole) await pour(body, answer);
  const last = trailers();
  if (last.length > 0 && answer.chunkedEncoding) {
    answer.addTrailers(last.map(([name, value]): [string, string] => [name, value]));
  }
  // A small one with its end, so that it takes one write.
  if (whole && body.byteLength > 0) answer.end(body);
  else answer.end();
}

/** Of names and values in turns. */
function without(name: string, raw: readonly string[]): string[] {
  return raw.filter((_, index) => raw[index - (index % 2)]?.toLowerCase() !== name);
}

async function pour(body: AsyncIterable<Uint8Array>, answer: ServerResponse): Promise<void> {
  for await (const chunk of body) {
    if (answer.destroyed) return;
    if (answer.write(chunk)) continue;
    await new Promise<void>((resolve) => {
      const go = (): void => {
        answer.off("drain", go);
        answer.off("close", go);
        resolve();
      };
      answer.on("drain", go);
      answer.on("close", go);
    });
  }
}

/** A response that has begun can only be broken off. */
function refuse(asked: IncomingMessage, answer: ServerResponse, status: number): void {
  if (answer.headersSent) {
    answer.destroy();
    return;
  }
  const close = asked.complete ? [] : ["connection", "close"];
  answer.writeHead(status, ["content-length", "0", ...(status === UNAVAILABLE ? ["retry-after", "1"] : []), ...close]);
  answer.end();
}
