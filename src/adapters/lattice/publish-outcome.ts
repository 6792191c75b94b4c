import { jetStreamCode } from "./nats-error.ts";
import type { Outcome } from "./lane-window.ts";

/** JetStream error numbers that say that the stream does not hold what the message expected. */
const UNEXPECTED = new Set([
  10070, // wrong last message id
  10071, // wrong last sequence, with the actual one
  10164, // wrong last sequence, while another message with the same check is on its way
  10158, // a message of this id is on its way
]);

/** Error numbers that say that the stream will never take this very message. */
const REFUSED = new Set([
  10054, // larger than the stream's max_msg_size
  10097, // headers larger than the server's limit
]);

/** The hub's answer to one message when it is one; undefined when the lane must ask what happened. */
export function outcomeOfError(error: unknown): Outcome | undefined {
  const code = jetStreamCode(error);
  if (code === undefined) return undefined;
  if (UNEXPECTED.has(code)) return { kind: "unexpected" };
  if (REFUSED.has(code)) return { kind: "refused", reason: error instanceof Error ? error.message : String(code) };
  return undefined;
}
