import type { Reader } from "./reader.ts";
import type { Writer } from "./writer.ts";

/** Writes and reads values of one type, made once for it. */
export interface Codec {
  /** @throws MisfitValue, WireFault when the value is too large */
  readonly write: (out: Writer, value: unknown) => void;
  /** @throws WireFault, TRUNCATED */
  readonly read: (input: Reader) => unknown;
  /** Fewest bytes that a value takes. */
  readonly least: number;
  /** What a value takes on the heap without the content of its lists and strings. */
  readonly heap: number;
  /** Levels of types below this one. */
  readonly depth: number;
  /** It has streams or futures in it. */
  readonly async: boolean;
}

// What V8 takes for an object, for a property or an element and the number in it, and for a string beside its text.
export const OBJECT = 48;
export const SLOT = 16;
export const TEXT = 24;
