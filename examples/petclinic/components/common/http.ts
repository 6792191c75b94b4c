// HTTP for these components: `wasi:http` on one side, plain values on the other.

import {
  Fields,
  OutgoingBody,
  OutgoingResponse,
  ResponseOutparam,
  type IncomingRequest,
  type InputStream,
} from "wasi:http/types@0.2.3";
import { faultTag } from "./fault-tag.ts";
import { decodeUtf8, encodeUtf8 } from "../../../lib/utf8.ts";

export interface HttpRequest {
  /** In lower case, such as `get`. */
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** What follows the question mark. */
  readonly query: string;
  /** The first of that name. */
  header(name: string): string | undefined;
  /** At most `limit` bytes of the body; undefined when there are more. */
  body(limit: number): Uint8Array | undefined;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The export `wasi:http/incoming-handler` of a function. */
export const serveHttp = (answer: (request: HttpRequest) => HttpAnswer) => ({
  handle(request: IncomingRequest, out: ResponseOutparam): void {
    respond(out, answer(readRequest(request)));
  },
});

/** As `wasi:io` has it. */
const MAX_WRITE = 4096;

function readRequest(request: IncomingRequest): HttpRequest {
  const asked = request.method();
  const [path = "/", ...query] = (request.pathWithQuery() ?? "/").split("?");
  return {
    method: asked.tag === "other" ? asked.val.toLowerCase() : asked.tag,
    path,
    query: query.join("?"),
    header(name) {
      const value = request.headers().get(name)[0];
      return value === undefined ? undefined : decodeUtf8(value);
    },
    body(limit) {
      const body = request.consume();
      const stream = body.stream();
      const read = readAll(stream, limit);
      // The stream is a child of the body.
      stream[Symbol.dispose]();
      body[Symbol.dispose]();
      return read;
    },
  };
}

function readAll(stream: InputStream, limit: number): Uint8Array | undefined {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for (let piece = readPiece(stream, limit + 1); piece !== undefined; piece = readPiece(stream, limit + 1 - length)) {
    pieces.push(piece);
    length += piece.length;
    if (length > limit) return undefined;
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

function readPiece(stream: InputStream, most: number): Uint8Array | undefined {
  try {
    return Uint8Array.from(stream.blockingRead(most));
  } catch (error) {
    if (faultTag(error) === "closed") return undefined;
    throw error;
  }
}

function respond(out: ResponseOutparam, { status, headers, body }: HttpAnswer): void {
  const fields = new Fields();
  for (const [name, value] of Object.entries(headers)) fields.append(name, encodeUtf8(value));
  const response = new OutgoingResponse(fields);
  response.setStatusCode(status);
  const outgoing = response.body();
  ResponseOutparam.set(out, { tag: "ok", val: response });
  const bytes = encodeUtf8(body);
  if (bytes.length > 0) {
    const stream = outgoing.write();
    for (let at = 0; at < bytes.length; at += MAX_WRITE) {
      stream.blockingWriteAndFlush(bytes.subarray(at, at + MAX_WRITE));
    }
    // A stream that is open would be a child of the body that is about to be finished.
    stream[Symbol.dispose]();
  }
  OutgoingBody.finish(outgoing, undefined);
}
