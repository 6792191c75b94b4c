// What happens to a reading. Knows nothing of WIT: `index.ts` lends it the capabilities.

import { encodeUtf8 } from "../../lib/utf8.ts";
import { advance, type SensorState, type Settings } from "./average.ts";
import type { Parsed, Reading } from "./reading.ts";
import { decodeState, encodeState } from "./state.ts";

/** Counters that the component keeps in the key-value store. */
export type Counter = "rejected" | "lost-frames";

export interface Capabilities {
  settings(): Settings;
  load(key: string): Uint8Array | undefined;
  save(key: string, value: Uint8Array): void;
  count(counter: Counter, by: number): void;
  publish(subject: string, body: Uint8Array): void;
  /** For the log. */
  warn(message: string): void;
}

/**
 * Smooths one reading, publishes it and, when it crossed the limit, an alarm. The state is saved last: a reading that
 * is delivered again because something failed half-way is published again rather than lost. A malformed one is logged
 * and counted.
 * @throws what a capability throws
 */
export function smooth(parsed: Parsed, capabilities: Capabilities): void {
  if ("fault" in parsed) {
    // Not an error for the caller: it would deliver the same again, and hold up what follows.
    capabilities.count("rejected", 1);
    capabilities.warn(`A reading is rejected: ${parsed.fault}`);
    return;
  }
  const { reading } = parsed;
  const settings = capabilities.settings();
  const { state, alarm } = advance(loadState(reading, capabilities), reading.value, settings);
  const message = { ...reading, smoothed: round(state.smoothed) };
  capabilities.publish(`readings.${reading.sensor}`, encodeUtf8(JSON.stringify(message)));
  if (alarm) {
    const body = JSON.stringify({ ...message, limit: settings.limit });
    capabilities.publish(`alarms.${reading.sensor}`, encodeUtf8(body));
  }
  capabilities.save(stateKey(reading), encodeState(state));
}

function loadState(reading: Reading, capabilities: Capabilities): SensorState | undefined {
  const stored = capabilities.load(stateKey(reading));
  if (stored === undefined) return undefined;
  const state = decodeState(stored);
  if (state === undefined) capabilities.warn(`Average of "${reading.sensor}" starts anew: what was stored is no state`);
  return state;
}

const stateKey = (reading: Reading): string => `sensor.${reading.sensor}`;

/** Four decimals are more than a sensor has; without it every message carries the noise of binary fractions. */
const round = (value: number): number => Math.round(value * 1e4) / 1e4;
