import { PetioleError } from "../../../domain/errors.ts";

/** Bytes that are not the encoding of a value of their type, or more of them than are taken. */
export class WireFault extends Error {
  override readonly name = "WireFault";
  readonly kind: "malformed" | "too-large";

  constructor(kind: "malformed" | "too-large", message: string) {
    super(message);
    this.kind = kind;
  }
}

/** Thrown by reading when the value goes on in bytes that are not there yet. One object: this is no failure. */
export const TRUNCATED: Error = Object.freeze(new Error("the value is cut off"));

/** What a reader is told. `what`: what was read. */
export function faultOf(what: string, error: unknown): PetioleError {
  if (error instanceof PetioleError) return error;
  if (error instanceof WireFault) {
    const code = error.kind === "too-large" ? "ERR_CALL_TOO_LARGE" : "ERR_CALL_UNDECODABLE";
    return new PetioleError(code, `Cannot read ${what}: ${error.message}`, { cause: error });
  }
  return new PetioleError("ERR_INVARIANT", `Cannot read ${what}: ${String(error)}`, { cause: error });
}
