import { PetioleError, type ErrorCode } from "#provider";
import type { GpioError, GpioErrorReason } from "./backend.ts";

const CODES: Readonly<Record<GpioErrorReason, ErrorCode>> = {
  busy: "ERR_DEVICE_BUSY",
  permission: "ERR_DEVICE_DENIED",
  disconnected: "ERR_DEVICE_MISSING",
  "not-found": "ERR_DEVICE_MISSING",
  unsupported: "ERR_DEVICE_UNSUPPORTED",
  "invalid-argument": "ERR_DEVICE_UNSUPPORTED",
  failed: "ERR_DEVICE_FAILED",
};

/** What a chip said, as the agent and the command line report it. */
export function toPetioleError(error: GpioError, what: string): PetioleError {
  return new PetioleError(CODES[error.reason], `${what}: ${error.message}`, { cause: error });
}
