// HTTP requests that come as calls: from the http provider of another host to a component that exports
// wasi:http/incoming-handler.

import { isPetioleError, WitError, type ErrorCode } from "../../../domain/errors.ts";
import type { HttpFields, HttpRequest, HttpResponse } from "../../../lib/http-message.ts";
import { HANDLE, HTTP_INSTANCE, type WireFields, type WireRequest, type WireResponse } from "./http-types.ts";
import type { ServedFunction } from "./served-call.ts";

/** What `http` fails with, as the other side is told. Any other failure is an internal-error that names the code. */
const ERRORS: Partial<Record<ErrorCode, string>> = {
  ERR_COMPONENT_BUSY: "connection-limit-reached",
  ERR_COMPONENT_DEADLINE: "HTTP-response-timeout",
  ERR_COMPONENT_RESPONSE: "HTTP-response-incomplete",
  ERR_COMPONENT_STOPPED: "destination-unavailable",
};

/** `handle` of wrpc:http/incoming-handler, served by a component's wasi:http/incoming-handler. */
export function serveHttp(http: (request: HttpRequest) => Promise<HttpResponse>): ServedFunction {
  return {
    instance: HTTP_INSTANCE,
    name: "handle",
    type: HANDLE,
    call: async ([given], { signal }) => {
      try {
        const request = given as WireRequest; // The codec of HANDLE reads nothing else.
        return packResponse(await http(unpackRequest(request, signal)));
      } catch (error) {
        throw new WitError(errorCode(error));
      }
    },
  };
}

function unpackRequest(request: WireRequest, signal: AbortSignal): HttpRequest {
  const { method, scheme, authority, pathWithQuery, headers } = request;
  let trailers: HttpFields = [];
  return {
    method: method.val ?? method.tag.toUpperCase(),
    scheme: scheme === undefined ? undefined : (scheme.val ?? scheme.tag.toLowerCase()),
    authority,
    pathWithQuery,
    headers: unpackFields(headers),
    body: (async function* () {
      yield* request.body;
      // The body has ended when its trailers are there. A peer that breaks off after the last byte has none.
      trailers = unpackFields((await request.trailers.catch(() => undefined)) ?? []);
    })(),
    trailers: () => trailers,
    onCancelable: (cancel) => signal.addEventListener("abort", () => cancel(signal.reason as Error), { once: true }),
  };
}

function packResponse({ status, headers, body, trailers }: HttpResponse): WireResponse {
  if (body instanceof Uint8Array) return { status, headers: packFields(headers), body, trailers: last(trailers()) };
  const ended = Promise.withResolvers<WireFields | undefined>();
  ended.promise.catch(() => {});
  return {
    status,
    headers: packFields(headers),
    body: (async function* () {
      try {
        yield* body;
        ended.resolve(last(trailers()));
      } catch (error) {
        ended.reject(error);
        throw error;
      } finally {
        // For a body that is not read to its end.
        ended.reject(new Error("The response was not read to its end"));
      }
    })(),
    trailers: ended.promise,
  };
}

const last = (fields: HttpFields): WireFields | undefined => (fields.length === 0 ? undefined : packFields(fields));

const unpackFields = (fields: WireFields): HttpFields =>
  fields.flatMap(([name, values]) =>
    values.map((value): [string, string] => [
      name,
      Buffer.from(value.buffer, value.byteOffset, value.length).toString("latin1"),
    ]),
  );

/** Values of one name belong together. */
function packFields(fields: HttpFields): WireFields {
  const values = new Map<string, Uint8Array[]>();
  for (const [name, value] of fields) {
    const key = name.toLowerCase();
    const known = values.get(key) ?? [];
    known.push(Buffer.from(value, "latin1"));
    values.set(key, known);
  }
  return [...values];
}

function errorCode(error: unknown): { readonly tag: string; readonly val?: string } {
  if (!isPetioleError(error)) return { tag: "internal-error" };
  const tag = ERRORS[error.code];
  return tag === undefined ? { tag: "internal-error", val: error.code } : { tag };
}
