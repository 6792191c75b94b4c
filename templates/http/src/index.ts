// The WIT edges: requests come in over HTTP, values are in a key-value store.

import { decodeUtf8, encodeUtf8, errorText, once } from "petiole/guest";
import { get as getConfig } from "wasi:config/store@0.2.0-rc.1";
import { Fields, OutgoingBody, OutgoingResponse, ResponseOutparam, type IncomingRequest } from "wasi:http/types@0.2.2";
import { open } from "wasi:keyvalue/store@0.2.0-draft";
import { log } from "wasi:logging/logging@0.1.0-draft";
import { answer, type Response, type Values } from "./api.ts";

/** Longest body that is read. */
const MAX_BODY = 65_536;

// Opened when it is needed first: code at the top level runs when the component is built.
const bucket = once(() => open("values"));

const values: Values = {
  get(key) {
    // QuickJS has null for an option without a value.
    const found = bucket().get(key) ?? undefined;
    return found === undefined ? undefined : decodeUtf8(found);
  },
  set: (key, value) => bucket().set(key, encodeUtf8(value)),
  delete: (key) => bucket().delete(key),
};

export const incomingHandler = {
  handle(request: IncomingRequest, out: ResponseOutparam): void {
    const { tag } = request.method();
    const path = (request.pathWithQuery() ?? "/").replace(/\?.*$/, "");
    respond(out, attempt(tag, path, request));
  },
};

function attempt(method: string, path: string, request: IncomingRequest): Response {
  try {
    const body = readBody(request);
    if (body === undefined) return { status: 413, body: { error: `want text of at most ${MAX_BODY} bytes` } };
    return answer({ method, path, body }, values, getConfig("greeting") ?? "hello");
  } catch (error) {
    log("error", "my-component", `${method} ${path}: ${errorText(error)}`);
    return { status: 503, body: { error: errorText(error) } };
  }
}

/** Undefined when it is too long, or no text. */
function readBody(request: IncomingRequest): string | undefined {
  const body = request.consume();
  const stream = body.stream();
  const bytes: number[] = [];
  try {
    while (bytes.length <= MAX_BODY) bytes.push(...stream.blockingRead(4096));
    return undefined;
  } catch (error) {
    if (errorText(error) !== "closed") throw error;
  } finally {
    // A stream is a child of its body, which must not go before it.
    stream[Symbol.dispose]();
    body[Symbol.dispose]();
  }
  return decodeUtf8(Uint8Array.from(bytes));
}

function respond(out: ResponseOutparam, { status, body }: Response): void {
  const headers = new Fields();
  headers.append("content-type", encodeUtf8("application/json"));
  const response = new OutgoingResponse(headers);
  response.setStatusCode(status);
  const outgoing = response.body();
  ResponseOutparam.set(out, { tag: "ok", val: response });
  const stream = outgoing.write();
  const bytes = encodeUtf8(`${JSON.stringify(body)}\n`);
  // It takes no more at a time.
  for (let at = 0; at < bytes.length; at += 4096) stream.blockingWriteAndFlush(bytes.subarray(at, at + 4096));
  stream[Symbol.dispose]();
  OutgoingBody.finish(outgoing, undefined);
}
