// Numbers and times for people.

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"] as const;

export function bytes(value: number): string {
  let unit = 0;
  let amount = value;
  while (amount >= 1024 && unit < UNITS.length - 1) {
    amount /= 1024;
    unit += 1;
  }
  return `${number(amount)} ${UNITS[unit] ?? ""}`;
}

/** Three digits are enough to see what it is. */
export function number(value: number): string {
  if (value === 0 || value >= 100 || Number.isInteger(value)) return Math.round(value).toLocaleString("en-GB");
  return value >= 10 ? value.toFixed(1) : value.toFixed(2).replace(/0$/, "");
}

export const perSecond = (value: number): string => `${number(value)}/s`;
export const percent = (share: number): string => `${number(share * 100)} %`;

export function duration(seconds: number): string {
  if (seconds < 1) return `${number(seconds * 1000)} ms`;
  if (seconds < 100) return `${Math.round(seconds)} s`;
  if (seconds < 6000) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}

/** Of a Unix time, as the clock of whoever looks has it. */
export const timeOfDay = (at: number): string => new Date(at).toLocaleTimeString("en-GB");
