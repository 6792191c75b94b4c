// What PostgreSQL's errors mean for a component: https://www.postgresql.org/docs/current/errcodes-appendix.html

import { denied, failure, paramsFault, queryFault, SqlFault, type FailureWord } from "../sql-fault.ts";

export interface ServerError {
  /** SQLSTATE. */
  readonly code: string;
  readonly message: string;
}

export function isServerError(error: unknown): error is ServerError & Error {
  return (
    error instanceof Error && "code" in error && typeof error.code === "string" && /^[0-9A-Z]{5}$/.test(error.code)
  );
}

const WORDS: Readonly<Record<string, FailureWord>> = {
  "57014": "timeout",
  "55P03": "busy",
  "40001": "busy",
  "40P01": "busy",
  "53100": "full",
  "53300": "busy",
};
/** By the first two characters. */
const CLASSES: Readonly<Record<string, FailureWord>> = { "08": "unreachable", "23": "constraint", "57": "unreachable" };
const DENIED = ["42501", "25006"];
/** By a timeout, or because there was nothing to copy. */
const CANCELED = "57014";
/** Of a driver that keeps to the protocol: the statement has another number of parameters. */
const PROTOCOL_VIOLATION = "08P01";

/** Whether the connection that an error came over is of no use any more. */
export const endsConnection = ({ code }: ServerError): boolean => /^(08|57P)/.test(code) && code !== PROTOCOL_VIOLATION;

/** Whether a statement that the server keeps may be no longer as it was, or not there: it would fail again and again. */
export const outdatesKept = ({ code }: ServerError): boolean => code === "0A000" || code === "26000";

/** `withValues`: values were given with the statement, so that a value which does not fit may be one of them. */
export function toFault(error: unknown, withValues: boolean): SqlFault {
  if (error instanceof SqlFault) return error;
  if (!isServerError(error)) return failure("unreachable", "the connection to the database broke off", error);
  const { code, message } = error;
  const found = `${message} (${code})`;
  if (code === CANCELED && /COPY/.test(message)) return denied(found);
  if (DENIED.includes(code)) return denied(found);
  if (code === PROTOCOL_VIOLATION) return paramsFault(found);
  const word = WORDS[code] ?? CLASSES[code.slice(0, 2)];
  if (word !== undefined) return failure(word, found, error);
  switch (code.slice(0, 2)) {
    case "22":
      return withValues ? paramsFault(found) : queryFault(found);
    case "0A":
    case "26":
    case "34":
    case "3D":
    case "3F":
    case "42":
      return queryFault(found);
    default:
      return failure("failed", found, error);
  }
}
