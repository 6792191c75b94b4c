// What must be at the hub, by what was sent. Alarms and frequencies are not taken from the device's word: the components' own
// arithmetic is done again here.

import type { SentReading } from "../../../scripts/stage/sensors.ts";
import type { StoredMessage } from "../../../scripts/stage/stored.ts";
import type { Message } from "../../../scripts/stage/verify.ts";
import { advance, type Settings, type State } from "../components/guard/src/detector.ts";
import type { Judged } from "../components/vibration/src/vibration.ts";

/** As the manifest has it. */
const SETTINGS: Settings = { raise: 8, clear: 4, learn: 20, noise: 0.02 };

/** What the summary component publishes to. */
export const SUMMARIES = "summaries.day";

/** Each reading, and the alarms that follow from them. */
export function expectedReadings(sent: readonly SentReading[]): Message[] {
  const alarms: Message[] = [];
  const states = new Map<string, State>();
  for (const { sensor, seq, value } of sent) {
    const { state, change } = advance(states.get(sensor), value, SETTINGS);
    states.set(sensor, state);
    if (change !== undefined) alarms.push({ subject: `alarms.${sensor}`, seq, value });
  }
  return [...sent.map(({ sensor, seq, value }) => ({ subject: `readings.${sensor}`, seq, value })), ...alarms];
}

export function expectedVibration(sent: readonly Judged[]): Message[] {
  return sent.flatMap(({ report: { seq, value }, alarm }) => [
    { subject: "vibration.pump", seq, value },
    ...(alarm === undefined ? [] : [{ subject: "alarms.vibration-pump", seq, value }]),
  ]);
}

/** Of messages that are only counted. */
export const counted = (subject: string, count: number): Message[] =>
  Array.from({ length: count }, (_, index) => ({ subject, seq: index + 1 }));

/** How many readings of each sensor the summaries have together. */
export function summarised(stored: readonly StoredMessage[]): Readonly<Record<string, number>> {
  const sums: Record<string, number> = {};
  for (const { subject, body } of stored) {
    if (subject !== SUMMARIES) continue;
    // As that component makes it.
    const { sensors } = body as { readonly sensors: Readonly<Record<string, { readonly count: number }>> };
    for (const [sensor, { count }] of Object.entries(sensors)) sums[sensor] = (sums[sensor] ?? 0) + count;
  }
  return sums;
}
