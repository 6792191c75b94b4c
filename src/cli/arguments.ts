// Values of options, as commander takes them.

import { InvalidArgumentError } from "commander";
import { parseDuration, parseSize, type Bytes, type Millis } from "../domain/units.ts";
import { isVersion } from "../trust/version.ts";

/** A size such as 32MiB. */
export function sizeArgument(text: string): Bytes {
  const value = parseSize(text);
  if (value === undefined) throw new InvalidArgumentError("want a size such as 512B, 64KiB, 32MiB or 1GiB");
  return value;
}

/** A whole number above 0. */
export function countArgument(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("want a whole number above 0");
}

/** A duration such as 5m, of a millisecond at least. */
export function durationArgument(text: string): Millis {
  const value = parseDuration(text);
  if (value !== undefined && Number.isInteger(value) && value >= 1) return value;
  throw new InvalidArgumentError("want a duration such as 250ms, 2s, 5m, 1h or 7d");
}

/** A day or a second of UTC, as statements have it. */
export function momentArgument(text: string): string {
  const full = /^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00Z` : text;
  const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(full) ? Date.parse(full) : NaN;
  // A 31st of February is read as a day of March.
  if (!Number.isNaN(time) && new Date(time).toISOString().startsWith(full.slice(0, -1))) return full;
  throw new InvalidArgumentError("want a time such as 2027-01-31 or 2027-01-31T12:00:00Z");
}

/** A semantic version. */
export function versionArgument(text: string): string {
  if (isVersion(text)) return text;
  throw new InvalidArgumentError("want a version such as 1.2.0");
}
