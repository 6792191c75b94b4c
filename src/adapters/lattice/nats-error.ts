import { JetStreamApiError } from "@nats-io/jetstream";
import { errors } from "@nats-io/transport-node";

/** True when the server knows at once that nobody listens on a subject. */
export function isNoResponders(error: unknown): boolean {
  if (error instanceof errors.NoRespondersError) return true;
  if (error instanceof errors.RequestError) return error.isNoResponders();
  return error instanceof Error && error.cause !== undefined && isNoResponders(error.cause);
}

export function isTimeout(error: unknown): boolean {
  return error instanceof errors.TimeoutError;
}

/** The error number of a JetStream answer, or undefined for any other error. */
export function jetStreamCode(error: unknown): number | undefined {
  return error instanceof JetStreamApiError ? error.code : undefined;
}

/** One line for people. */
export function describeNatsError(error: unknown): string {
  if (isNoResponders(error)) return "nobody answers";
  if (isTimeout(error)) return "no answer in time";
  if (error instanceof errors.UserAuthenticationExpiredError) return "the credentials have expired";
  if (error instanceof errors.AuthorizationError) return "the server refuses the credentials";
  // Some dial errors carry their text in the cause or in the system error code only.
  if (error instanceof Error) {
    // What OpenSSL says, without where in its source it says it.
    if ("library" in error && "reason" in error) return `TLS failed: ${String(error.reason)}`;
    if (error.message !== "") return error.message;
    if ("code" in error) return String(error.code);
    if (error.cause !== undefined) return describeNatsError(error.cause);
  }
  return String(error);
}
