import type { Settings } from "./average.ts";

/** Gives the text of a configuration key, undefined when it is not set. */
export type ConfigReader = (key: string) => string | undefined;

/** @throws Error that names the key, what was found and what is wanted */
export function readSettings(read: ConfigReader): Settings {
  const factor = readNumber(read, "factor") ?? 0.3;
  if (factor <= 0 || factor > 1) throw fault("factor", factor, "a number above 0, at most 1");
  const hysteresis = readNumber(read, "hysteresis") ?? 0;
  if (hysteresis < 0) throw fault("hysteresis", hysteresis, "a number from 0");
  return { factor, limit: readNumber(read, "limit"), hysteresis };
}

function readNumber(read: ConfigReader, key: string): number | undefined {
  const text = read(key);
  if (text === undefined) return undefined;
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (!Number.isFinite(value)) throw fault(key, text, "a number");
  return value;
}

const fault = (key: string, found: string | number, want: string): Error =>
  new Error(`cannot use the configuration "${key}": found "${found}", want ${want}`);
