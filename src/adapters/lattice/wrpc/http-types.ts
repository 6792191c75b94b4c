// The interfaces wrpc:http/types and wrpc:http/incoming-handler, version 0.1.0.

import type { WireFunction, WireType } from "./types.ts";

export const HTTP_INSTANCE = "wrpc:http/incoming-handler@0.1.0";

const STRING: WireType = { kind: "string" };
const U8: WireType = { kind: "u8" };
const U16: WireType = { kind: "u16" };
const U32: WireType = { kind: "u32" };
const U64: WireType = { kind: "u64" };

const option = (some: WireType): WireType => ({ kind: "option", some });
const list = (element: WireType): WireType => ({ kind: "list", element });
const record = (fields: Readonly<Record<string, WireType>>): WireType => ({
  kind: "record",
  fields: Object.entries(fields).map(([name, type]) => ({ name, type })),
});
const variant = (cases: Readonly<Record<string, WireType | undefined>>): WireType => ({
  kind: "variant",
  cases: Object.entries(cases).map(([name, type]) => ({ name, type })),
});

const FIELDS = list({ kind: "tuple", elements: [STRING, list(list(U8))] });

const BODY = {
  body: { kind: "stream", element: U8 },
  trailers: { kind: "future", value: option(FIELDS) },
} as const satisfies Record<string, WireType>;

const METHOD = variant({
  get: undefined,
  head: undefined,
  post: undefined,
  put: undefined,
  delete: undefined,
  connect: undefined,
  options: undefined,
  trace: undefined,
  patch: undefined,
  other: STRING,
});

const SCHEME = variant({ HTTP: undefined, HTTPS: undefined, other: STRING });

const REQUEST = record({
  ...BODY,
  method: METHOD,
  "path-with-query": option(STRING),
  scheme: option(SCHEME),
  authority: option(STRING),
  headers: FIELDS,
});

const RESPONSE = record({ ...BODY, status: U16, headers: FIELDS });

const FIELD_SIZE = record({ "field-name": option(STRING), "field-size": option(U32) });

/** As in wasi:http/types of WASI 0.2: the order counts. */
const ERROR_CODE = variant({
  "DNS-timeout": undefined,
  "DNS-error": record({ rcode: option(STRING), "info-code": option(U16) }),
  "destination-not-found": undefined,
  "destination-unavailable": undefined,
  "destination-IP-prohibited": undefined,
  "destination-IP-unroutable": undefined,
  "connection-refused": undefined,
  "connection-terminated": undefined,
  "connection-timeout": undefined,
  "connection-read-timeout": undefined,
  "connection-write-timeout": undefined,
  "connection-limit-reached": undefined,
  "TLS-protocol-error": undefined,
  "TLS-certificate-error": undefined,
  "TLS-alert-received": record({ "alert-id": option(U8), "alert-message": option(STRING) }),
  "HTTP-request-denied": undefined,
  "HTTP-request-length-required": undefined,
  "HTTP-request-body-size": option(U64),
  "HTTP-request-method-invalid": undefined,
  "HTTP-request-URI-invalid": undefined,
  "HTTP-request-URI-too-long": undefined,
  "HTTP-request-header-section-size": option(U32),
  "HTTP-request-header-size": option(FIELD_SIZE),
  "HTTP-request-trailer-section-size": option(U32),
  "HTTP-request-trailer-size": FIELD_SIZE,
  "HTTP-response-incomplete": undefined,
  "HTTP-response-header-section-size": option(U32),
  "HTTP-response-header-size": FIELD_SIZE,
  "HTTP-response-body-size": option(U64),
  "HTTP-response-trailer-section-size": option(U32),
  "HTTP-response-trailer-size": FIELD_SIZE,
  "HTTP-response-transfer-coding": option(STRING),
  "HTTP-response-content-coding": option(STRING),
  "HTTP-response-timeout": undefined,
  "HTTP-upgrade-failed": undefined,
  "HTTP-protocol-error": undefined,
  "loop-detected": undefined,
  "configuration-error": undefined,
  "internal-error": option(STRING),
});

export const HANDLE: WireFunction = {
  params: [{ name: "request", type: REQUEST }],
  result: { kind: "result", ok: RESPONSE, err: ERROR_CODE },
};

/** Names and their values, which are bytes. */
export type WireFields = readonly (readonly [name: string, values: readonly Uint8Array[]])[];

export interface WireRequest {
  readonly body: AsyncIterable<Uint8Array>;
  readonly trailers: Promise<WireFields | undefined>;
  readonly method: { readonly tag: string; readonly val?: string };
  readonly pathWithQuery: string | undefined;
  readonly scheme: { readonly tag: string; readonly val?: string } | undefined;
  readonly authority: string | undefined;
  readonly headers: WireFields;
}

export interface WireResponse {
  readonly body: Uint8Array | AsyncIterable<Uint8Array>;
  readonly trailers: WireFields | undefined | Promise<WireFields | undefined>;
  readonly status: number;
  readonly headers: WireFields;
}
