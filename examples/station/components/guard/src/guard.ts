// What the station does about a reading, and about its button. Knows nothing of WIT: `index.ts` lends it the capabilities.

import { errorText } from "../../../../lib/error-text.ts";
import type { Reading } from "../../../lib/reading.ts";
import { advance, type Settings, type State } from "./detector.ts";

export interface GuardSettings extends Settings {
  /** An alarm of this sensor stops the pump. */
  readonly trip: string;
}

export interface Capabilities {
  settings(): GuardSettings;
  /** What this instance knows of each sensor. */
  readonly states: Map<string, State>;
  load(key: string): string | undefined;
  save(key: string, value: string): void;
  switchPump(on: boolean): void;
  switchSiren(on: boolean): void;
  publish(subject: string, body: unknown): void;
  error(message: string): void;
}

/** Readings after which the state is written, besides at each alarm: flash wears out, and what is usual changes slowly. */
const KEPT_EVERY = 20;

/** Sensors that are watched, besides the one that stops the pump. What others send is passed on: names come from outside. */
const MOST_SENSORS = 64;

/** What the cloud hears of an alarm. */
export interface Alarm extends Reading {
  readonly state: "raised" | "cleared";
  readonly filtered: number;
}

/**
 * The pump and the siren come first: they need nothing but this device. Then the state is kept, then the cloud is told. A failure
 * of one part is logged, and keeps none of the others from being done.
 */
export function handleReading(reading: Reading, capabilities: Capabilities): void {
  const attempt = createAttempt(capabilities);
  const settings = capabilities.settings();
  const report = (more: object): void =>
    attempt("report the reading", () => capabilities.publish(`readings.${reading.sensor}`, { ...reading, ...more }));
  const isKnown = reading.sensor === settings.trip || capabilities.states.has(reading.sensor);
  if (!isKnown && capabilities.states.size >= MOST_SENSORS) return report({});
  const key = `sensor.${reading.sensor}`;
  const before =
    capabilities.states.get(reading.sensor) ?? attempt("load the state", () => parseState(capabilities.load(key)));
  const { state, filtered, change } = advance(before, reading.value, settings);
  capabilities.states.set(reading.sensor, state);
  if (change !== undefined) {
    const raised = change === "raised";
    if (reading.sensor === settings.trip) attempt("switch the pump", () => capabilities.switchPump(!raised));
    attempt("switch the siren", () => capabilities.switchSiren(raised));
  }
  if (change !== undefined || state.count % KEPT_EVERY === 0) {
    attempt("keep the state", () => capabilities.save(key, JSON.stringify(state)));
  }
  if (change !== undefined) {
    const alarm: Alarm = { ...reading, filtered, state: change };
    attempt("report the alarm", () => capabilities.publish(`alarms.${reading.sensor}`, alarm));
  }
  report({ filtered });
}

/** Somebody has heard the siren. */
export function acknowledge(capabilities: Capabilities): void {
  const attempt = createAttempt(capabilities);
  attempt("silence the siren", () => capabilities.switchSiren(false));
  const seq = (attempt("load the count", () => Number(capabilities.load("acknowledged") ?? 0)) ?? 0) + 1;
  attempt("keep the count", () => capabilities.save("acknowledged", String(seq)));
  attempt("report it", () => capabilities.publish("events.acknowledged", { count: seq }));
}

/** What this component wrote itself. */
const parseState = (text: string | undefined): State | undefined =>
  text === undefined ? undefined : (JSON.parse(text) as State);

function createAttempt(capabilities: Capabilities) {
  return <T>(what: string, work: () => T): T | undefined => {
    try {
      return work();
    } catch (error) {
      capabilities.error(`Cannot ${what}: ${errorText(error)}`);
      return undefined;
    }
  };
}
