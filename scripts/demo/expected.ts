// What must be in the stream when everything that was sent has arrived.

import { advance, type SensorState, type Settings } from "../../examples/smoother/src/average.ts";
import type { SentReading } from "../stage/sensors.ts";
import type { Message } from "../stage/verify.ts";

/** The readings themselves and the alarms that the smoother's own arithmetic finds in them. */
export function expectedReadings(sent: readonly SentReading[], settings: Settings): Message[] {
  const states = new Map<string, SensorState>();
  const readings: Message[] = [];
  const alarms: Message[] = [];
  for (const { sensor, seq, value } of sent) {
    const { state, alarm } = advance(states.get(sensor), value, settings);
    states.set(sensor, state);
    readings.push({ subject: `readings.${sensor}`, seq, value });
    if (alarm) alarms.push({ subject: `alarms.${sensor}`, seq, value });
  }
  return [...readings, ...alarms];
}

/** One event for each press, counted from 1. */
export function expectedPresses(presses: number): Message[] {
  return Array.from({ length: presses }, (_, index) => ({ subject: "events.button", seq: index + 1 }));
}
