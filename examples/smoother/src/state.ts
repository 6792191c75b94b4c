// How a sensor's state lies in the key-value store.

import { decodeUtf8, encodeUtf8 } from "../../lib/utf8.ts";
import type { SensorState } from "./average.ts";

export const encodeState = (state: SensorState): Uint8Array => encodeUtf8(JSON.stringify(state));

/** Undefined when the bytes are no state, so that the average starts anew instead of the component failing for ever. */
export function decodeState(bytes: Uint8Array): SensorState | undefined {
  let raw: unknown;
  try {
    raw = JSON.parse(decodeUtf8(bytes) ?? "");
  } catch {
    return undefined;
  }
  if (typeof raw !== "object" || raw === null) return undefined;
  const { smoothed, alarmed } = raw as Readonly<Record<string, unknown>>;
  if (typeof smoothed !== "number" || typeof alarmed !== "boolean") return undefined;
  return { smoothed, alarmed };
}
