// What sensors send: a JSON object over messaging, a comma-separated line over serial.

import { decodeUtf8 } from "../../lib/utf8.ts";

export interface Reading {
  /** One token of a subject, because it becomes one: `readings.<sensor>`. */
  readonly sensor: string;
  /** The sensor's own count, passed on untouched. */
  readonly seq: number;
  readonly value: number;
}

/** A reading, or why there is none, for people. */
export type Parsed = { readonly reading: Reading } | { readonly fault: string };

const SENSOR = /^[A-Za-z0-9_-]{1,64}$/;
const DECIMAL = /^[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** Parses `{ "sensor": "boiler", "seq": 17, "value": 61.2 }`; further keys are left alone. */
export function parseMessage(body: Uint8Array): Parsed {
  const text = decodeUtf8(body);
  if (text === undefined) return { fault: "the message is not UTF-8" };
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    return { fault: `found ${excerpt(text)}, want JSON` };
  }
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) {
    return { fault: `found ${excerpt(text)}, want a JSON object` };
  }
  const { sensor, seq, value } = raw as Readonly<Record<string, unknown>>;
  return check(sensor, seq, value);
}

/** Parses `boiler,17,61.2`; white space around the fields is left out. */
export function parseLine(payload: Uint8Array): Parsed {
  const text = decodeUtf8(payload);
  if (text === undefined) return { fault: "the line is not UTF-8" };
  const fields = text.split(",").map((field) => field.trim());
  if (fields.length !== 3) return { fault: `found ${excerpt(text)}, want sensor,seq,value` };
  const [sensor, seq = "", value = ""] = fields;
  return check(sensor, toNumber(seq), toNumber(value));
}

function check(sensor: unknown, seq: unknown, value: unknown): Parsed {
  if (typeof sensor !== "string" || !SENSOR.test(sensor)) {
    return { fault: `found the sensor ${excerpt(sensor)}, want letters, digits, - and _, at most 64` };
  }
  if (typeof seq !== "number" || !Number.isSafeInteger(seq) || seq < 0) {
    return { fault: `found the seq ${excerpt(seq)} of "${sensor}", want a whole number from 0` };
  }
  if (typeof value !== "number" || !Number.isFinite(value)) {
    return { fault: `found the value ${excerpt(value)} of "${sensor}", want a number` };
  }
  return { reading: { sensor, seq, value } };
}

/** The text itself when it is no decimal number, so that a fault can show it. */
const toNumber = (text: string): number | string => (DECIMAL.test(text) ? Number(text) : text);

function excerpt(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
