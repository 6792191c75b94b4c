// `error-code` of wasi:http/types, and how failures of Node's network stack become one.

export type ErrorCode =
  | { readonly tag: "DNS-error"; readonly val: { readonly rcode: string | undefined; readonly infoCode: undefined } }
  | {
      readonly tag: "TLS-alert-received";
      readonly val: { readonly alertId: undefined; readonly alertMessage: string };
    }
  | { readonly tag: SizeCase; readonly val: bigint | undefined }
  | { readonly tag: "HTTP-response-header-section-size"; readonly val: undefined }
  | { readonly tag: "internal-error"; readonly val: string }
  | { readonly tag: PlainCase };

type SizeCase = "HTTP-request-body-size" | "HTTP-response-body-size";

type PlainCase =
  | "DNS-timeout"
  | "destination-unavailable"
  | "destination-IP-prohibited"
  | "destination-IP-unroutable"
  | "connection-refused"
  | "connection-terminated"
  | "connection-timeout"
  | "connection-read-timeout"
  | "connection-limit-reached"
  | "TLS-protocol-error"
  | "TLS-certificate-error"
  | "HTTP-request-denied"
  | "HTTP-request-method-invalid"
  | "HTTP-request-URI-invalid"
  | "HTTP-response-incomplete"
  | "HTTP-response-timeout"
  | "HTTP-upgrade-failed"
  | "HTTP-protocol-error";

/** Why a body or a request failed: carried where only an Error fits, and found again by `http-error-code`. */
export class HttpFault extends Error {
  override readonly name = "HttpFault";
  /** Not `code`, which Node takes for a text. */
  readonly reason: ErrorCode;

  constructor(reason: ErrorCode) {
    super(reason.tag);
    this.reason = reason;
  }
}

const BY_NODE_CODE: Readonly<Record<string, ErrorCode>> = {
  ECONNREFUSED: { tag: "connection-refused" },
  ECONNRESET: { tag: "connection-terminated" },
  ECONNABORTED: { tag: "connection-terminated" },
  EPIPE: { tag: "connection-terminated" },
  ETIMEDOUT: { tag: "connection-timeout" },
  EHOSTUNREACH: { tag: "destination-IP-unroutable" },
  ENETUNREACH: { tag: "destination-IP-unroutable" },
  EHOSTDOWN: { tag: "destination-unavailable" },
  ENETDOWN: { tag: "destination-unavailable" },
  EMFILE: { tag: "connection-limit-reached" },
  ENFILE: { tag: "connection-limit-reached" },
  EADDRNOTAVAIL: { tag: "connection-limit-reached" },
  ENOTFOUND: dnsError("NXDOMAIN"),
  ENODATA: dnsError("NODATA"),
  EAI_FAIL: dnsError("SERVFAIL"),
  EAI_AGAIN: { tag: "DNS-timeout" },
  HPE_HEADER_OVERFLOW: { tag: "HTTP-response-header-section-size", val: undefined },
};

const CERTIFICATE =
  /^(?:CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|ERR_TLS_CERT_|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE)/;

/** The code for whatever a request or its response failed with; nothing of the message gets to the component. */
export function errorCode(error: unknown): ErrorCode {
  if (error instanceof HttpFault) return error.reason;
  // Several addresses were tried: the last one's failure stands for all.
  if (error instanceof AggregateError) return errorCode(error.errors.at(-1));
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const known = BY_NODE_CODE[code];
  if (known !== undefined) return known;
  if (CERTIFICATE.test(code)) return { tag: "TLS-certificate-error" };
  const alert = /^ERR_SSL_(\w*ALERT\w*)$/.exec(code)?.[1];
  if (alert !== undefined) {
    return { tag: "TLS-alert-received", val: { alertId: undefined, alertMessage: alert.toLowerCase() } };
  }
  if (code.startsWith("ERR_SSL_") || code === "EPROTO") return { tag: "TLS-protocol-error" };
  if (code.startsWith("HPE_")) return { tag: "HTTP-protocol-error" };
  return { tag: "internal-error", val: code };
}

function dnsError(rcode: string): ErrorCode {
  return { tag: "DNS-error", val: { rcode, infoCode: undefined } };
}
