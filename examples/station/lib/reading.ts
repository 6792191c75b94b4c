// Readings as components of the station get them: from the meter on the Modbus line, and from sensors over MQTT.

import { decodeUtf8 } from "../../lib/utf8.ts";

export interface Reading {
  readonly sensor: string;
  /** The sensor's own count of its readings. */
  readonly seq: number;
  readonly value: number;
}

/** One register of a round, without the reason when it could not be read. */
export interface Register {
  readonly name: string;
  readonly value: number | undefined;
}

const SENSOR = /^[a-z][a-z0-9-]{0,31}$/;
/** The register in which a meter counts its readings. */
const COUNT = "sample";

/** The readings of one round. None when the meter's own count is missing: they could not be told from others. */
export function readingsOf(registers: readonly Register[]): Reading[] {
  const seq = registers.find(({ name }) => name === COUNT)?.value;
  if (seq === undefined) return [];
  return registers.flatMap(({ name, value }) =>
    name === COUNT || value === undefined ? [] : [{ sensor: name, seq, value: thousandths(value) }],
  );
}

/** @throws Error that says what a reading looks like */
export function parseReading(body: Uint8Array): Reading {
  let found: unknown;
  try {
    found = JSON.parse(decodeUtf8(body) ?? "");
  } catch {
    found = undefined;
  }
  const { sensor, seq, value } = Object(found) as Readonly<Record<string, unknown>>;
  if (typeof sensor !== "string" || !SENSOR.test(sensor)) throw new Error(`want a "sensor", such as "hall"`);
  if (!Number.isSafeInteger(seq)) throw new Error(`want a whole number as "seq"`);
  if (typeof value !== "number" || !Number.isFinite(value)) throw new Error(`want a number as "value"`);
  return { sensor, seq: Number(seq), value: thousandths(value) };
}

/** As precise as any of the sensors; a scaled register is not exact. */
export const thousandths = (value: number): number => Math.round(value * 1000) / 1000;
