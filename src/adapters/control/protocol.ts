// The control socket speaks one JSON object a line: a request, then its answer, any number of times on a connection.

import { PetioleError, isErrorCode, type ErrorCode } from "../../domain/errors.ts";
import type { AgentStatus } from "../../domain/status.ts";

/** File name of the control socket in the runtime folder. */
export const SOCKET_NAME = "petiole.sock";

/** A request longer than this ends the connection. */
export const MAX_REQUEST = 64 * 1024;

/** What can be asked, with the type of each answer. */
export interface ControlOperations {
  readonly status: AgentStatus;
}
export type ControlOperation = keyof ControlOperations;

const OPERATIONS: readonly string[] = ["status"] satisfies ControlOperation[];

export type ControlReply =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly code: ErrorCode; readonly message: string };

/** @throws PetioleError ERR_CONTROL_PROTOCOL */
export function parseRequest(line: string): ControlOperation {
  const request = parseObject(line);
  const operation = request["op"];
  if (typeof operation === "string" && OPERATIONS.includes(operation)) return operation as ControlOperation;
  const known = OPERATIONS.join(", ");
  throw new PetioleError("ERR_CONTROL_PROTOCOL", `Cannot answer "${String(operation)}": want one of ${known}`);
}

/** @throws PetioleError ERR_CONTROL_PROTOCOL, or the error that the agent answered with */
export function parseReply(line: string): unknown {
  const reply = parseObject(line);
  if (reply["ok"] === true) return reply["value"];
  if (reply["ok"] === false && isErrorCode(reply["code"]) && typeof reply["message"] === "string") {
    throw new PetioleError(reply["code"], reply["message"]);
  }
  throw new PetioleError("ERR_CONTROL_PROTOCOL", `Cannot read the agent's answer: found ${line.slice(0, 80)}`);
}

function parseObject(line: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new PetioleError("ERR_CONTROL_PROTOCOL", `Cannot read "${line.slice(0, 80)}": want a JSON object`, { cause });
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new PetioleError("ERR_CONTROL_PROTOCOL", `Cannot read "${line.slice(0, 80)}": want a JSON object`);
}
