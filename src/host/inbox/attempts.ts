// What becomes of a message after an attempt. Pure.

import { isPetioleError, MessageDeferred, MessageRejected, WitError } from "../../domain/errors.ts";
import { millis, type Millis } from "../../domain/units.ts";
import { backoffDelay } from "../../lib/backoff.ts";
import { reasonOf } from "../../lib/reason.ts";
import type { RetryLimits } from "../../provider/services.ts";
import type { Note } from "./record.ts";

export const INTERRUPTED = "the agent ended while a component handled it";

/** How a note reads after a start: an attempt that was begun and has no end failed, for all that is known. */
export function noteAfterCrash(note: Note): Note {
  if (!note.begun || note.dead) return note;
  return { ...note, failures: note.failures + 1, begun: false, reason: INTERRUPTED };
}

export interface Verdict {
  readonly note: Note;
  /** How long the next attempt waits; undefined when there is none. */
  readonly delay: Millis | undefined;
}

/** A component that is stopped or has too many calls waiting did not fail on the message. */
const NOT_ITS_FAULT = ["ERR_COMPONENT_BUSY", "ERR_COMPONENT_STOPPED"] as const;

export function judgeFailure(note: Note, error: unknown, limits: RetryLimits): Verdict {
  const reason = describe(error);
  if (error instanceof MessageDeferred || NOT_ITS_FAULT.some((code) => isPetioleError(error, code))) {
    return { note: { ...note, begun: false, reason }, delay: backoffDelay(note.failures, limits.backoff) };
  }
  if (error instanceof MessageRejected) {
    return { note: { failures: note.failures + 1, begun: false, reason, dead: true }, delay: undefined };
  }
  return judgeCount({ ...note, begun: false, failures: note.failures + 1, reason }, limits);
}

/** What is to be done with a message that failed so often. */
export function judgeCount(note: Note, limits: RetryLimits): Verdict {
  if (note.failures >= limits.maxAttempts) return { note: { ...note, dead: true }, delay: undefined };
  const delay = note.failures === 0 ? millis(0) : backoffDelay(note.failures - 1, limits.backoff);
  return { note, delay };
}

function describe(error: unknown): string {
  if (error instanceof WitError) return error.message;
  return isPetioleError(error) ? `${error.code}: ${error.message}` : reasonOf(error);
}
