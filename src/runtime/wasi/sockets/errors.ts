// Errors of wasi:sockets.

import { err, ok, type WasiResult } from "../result.ts";
import { IoError, streamFailure, type StreamError } from "../streams.ts";

/** The enum `error-code` of wasi:sockets/network. */
export type NetworkErrorCode =
  | "unknown"
  | "access-denied"
  | "not-supported"
  | "invalid-argument"
  | "out-of-memory"
  | "timeout"
  | "concurrency-conflict"
  | "not-in-progress"
  | "would-block"
  | "invalid-state"
  | "new-socket-limit"
  | "address-not-bindable"
  | "address-in-use"
  | "remote-unreachable"
  | "connection-refused"
  | "connection-reset"
  | "connection-aborted"
  | "datagram-too-large"
  | "name-unresolvable"
  | "temporary-resolver-failure"
  | "permanent-resolver-failure";

export type NetworkResult<T> = WasiResult<T, NetworkErrorCode>;

const BY_CODE: Readonly<Record<string, NetworkErrorCode>> = {
  EACCES: "access-denied",
  EPERM: "access-denied",
  EADDRINUSE: "address-in-use",
  EADDRNOTAVAIL: "address-not-bindable",
  ECONNABORTED: "connection-aborted",
  ECONNREFUSED: "connection-refused",
  ECONNRESET: "connection-reset",
  EPIPE: "connection-reset",
  EHOSTDOWN: "remote-unreachable",
  EHOSTUNREACH: "remote-unreachable",
  ENETDOWN: "remote-unreachable",
  ENETUNREACH: "remote-unreachable",
  EINVAL: "invalid-argument",
  EMFILE: "new-socket-limit",
  ENFILE: "new-socket-limit",
  EMSGSIZE: "datagram-too-large",
  ENOBUFS: "out-of-memory",
  ENOMEM: "out-of-memory",
  ENOTSUP: "not-supported",
  EAFNOSUPPORT: "not-supported",
  ETIMEDOUT: "timeout",
  ENOTFOUND: "name-unresolvable",
  ENODATA: "name-unresolvable",
  EAI_NONAME: "name-unresolvable",
  EAI_AGAIN: "temporary-resolver-failure",
  EAI_FAIL: "permanent-resolver-failure",
};

/** Becomes the `err` of the function that threw it. */
export class NetworkError extends Error {
  override readonly name = "NetworkError";
  readonly code: NetworkErrorCode;

  constructor(code: NetworkErrorCode) {
    super(code);
    this.code = code;
  }
}

/** Of what Node's sockets failed with. */
export function networkErrorCodeOf(error: unknown): NetworkErrorCode {
  if (error instanceof NetworkError) return error.code;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return (Object.hasOwn(BY_CODE, code) ? BY_CODE[code] : undefined) ?? "unknown";
}

/** The result of `operation`, which fails by NetworkError. */
export function attempt<T>(operation: () => T): NetworkResult<T> {
  try {
    return ok(operation());
  } catch (error) {
    if (!(error instanceof NetworkError)) throw error;
    return err(error.code);
  }
}

/** As `attempt()` for what has no result. */
export function perform(operation: () => void): NetworkResult<undefined> {
  return attempt(() => {
    operation();
    return undefined;
  });
}

/** What a stream over a socket fails with. */
export function socketStreamError(code: NetworkErrorCode): StreamError {
  return streamFailure(new IoError(code, new NetworkError(code)));
}

/** `network-error-code`: what the network said, when the error came from there. */
export function networkErrorCode(error: IoError): NetworkErrorCode | undefined {
  return error.cause instanceof NetworkError ? error.cause.code : undefined;
}
