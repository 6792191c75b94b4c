// Serves node:http by a component.

import type { IncomingMessage, ServerResponse } from "node:http";
import { isPetioleError, type ErrorCode } from "../domain/errors.ts";
import type { Bytes } from "../domain/units.ts";
import type { Logger } from "../lib/log.ts";
import type { HttpFields, HttpResponse, RunningComponent } from "./contract.ts";
import { MAX_INLINE_BODY } from "./wasi/http/messages.ts";
import { pairFields } from "./wasi/http/packed-fields.ts";

export interface HttpListenerDeps {
  readonly component: Pick<RunningComponent, "http">;
  readonly log: Logger;
  /** Longer bodies are refused, or cut off when their length is not known beforehand. */
  readonly maxBody: Bytes;
}

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

/** For `createServer` of node:http and node:https. */
export function createHttpListener(deps: HttpListenerDeps): (asked: IncomingMessage, answer: ServerResponse) => void {
  const { component, log, maxBody } = deps;

  async function serve(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
    const length = bodyLength(asked);
    if (length !== undefined && length > maxBody) {
      refuse(asked, answer, TOO_LARGE);
      return;
    }
    let cancel: ((reason: Error) => void) | undefined;
    answer.on("close", () => {
      if (!answer.writableFinished) cancel?.(CLIENT_GONE);
    });
    try {
      const response = await component.http({
        method: asked.method ?? "GET",
        scheme: "encrypted" in asked.socket ? "https" : "http",
        ...target(asked),
        headers: pairFields(asked.rawHeaders),
        body: length === 0 ? undefined : isSmall(length) ? await collect(asked) : stream(asked),
        maxBody,
        trailers: () => pairFields(asked.rawTrailers),
        onCancelable: (given) => {
          cancel = given;
        },
        onInformational: (status, headers) => inform(answer, status, headers),
      });
      await send(asked, answer, response);
    } catch (error) {
      if (answer.destroyed) return;
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

async function collect(asked: IncomingMessage): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream(asked)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Who reads no further does not end the connection: the response still has to go out on it. */
function stream(asked: IncomingMessage): AsyncIterable<Uint8Array> {
  return asked.iterator({ destroyOnReturn: false });
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
  let framed = BODILESS.has(status) || asked.method === "HEAD";
  for (const [name, value] of headers) {
    raw.push(name, value);
    framed ||= name.toLowerCase() === "content-length";
  }
  if (whole && !framed && trailers().length === 0) raw.push("content-length", String(body.byteLength));
  // What is left of the request would be taken for the next one, or has to be read for nothing.
  if (!asked.complete) raw.push("connection", "close");
  answer.writeHead(status, raw);
  if (!whole) await pour(body, answer);
  const last = trailers();
  if (last.length > 0 && answer.chunkedEncoding) {
    answer.addTrailers(last.map(([name, value]): [string, string] => [name, value]));
  }
  // A small one with its end, so that it takes one write.
  if (whole && body.byteLength > 0) answer.end(body);
  else answer.end();
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
