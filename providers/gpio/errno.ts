import { PetioleError, reasonOf } from "#provider";
import { GpioError, type GpioErrorReason } from "./backend.ts";

const REASONS: Readonly<Record<string, GpioErrorReason>> = {
  EBUSY: "busy",
  ENODEV: "disconnected",
  ENXIO: "disconnected",
  EIO: "disconnected",
  EREMOTEIO: "disconnected",
  ENOENT: "not-found",
  EACCES: "permission",
  EPERM: "permission",
  EINVAL: "invalid-argument",
  ENOTTY: "unsupported",
  ENOTSUP: "unsupported",
  // The kernel's own ENOTSUPP, which some drivers let through.
  "Unknown system error -524": "unsupported",
};

/** What has no errno is a fault of petiole's own, or explained already, and goes on as it is. */
export function toGpioError(error: unknown, what: string): unknown {
  if (!(error instanceof Error) || !("code" in error) || error instanceof PetioleError) return error;
  const reason = REASONS[String(error.code)] ?? "failed";
  return new GpioError(reason, `${what}: ${reasonOf(error)}`, { cause: error });
}

/** @throws GpioError instead of an error of the system */
export function trying<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw toGpioError(error, what);
  }
}
