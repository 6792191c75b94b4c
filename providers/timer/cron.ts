// Cron expressions of five fields: minute, hour, day of the month, month, day of the week. Pure.

export interface Cron {
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  isDay(local: Date): boolean;
}

const MACROS: Readonly<Record<string, string>> = {
  "@hourly": "0 * * * *",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@weekly": "0 0 * * 0",
  "@monthly": "0 0 1 * *",
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
};
const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

const DAY = 86_400_000;
const MINUTE = 60_000;
/** The 29th of February is never further away than eight years. */
const MOST_DAYS = 9 * 366;

interface Field {
  readonly name: string;
  readonly from: number;
  readonly to: number;
  /** The first of them is `from`. */
  readonly names?: readonly string[];
}

/** @throws Error that says what is wrong */
export function parseCron(text: string): Cron {
  const fields = (MACROS[text.toLowerCase()] ?? text).trim().split(/\s+/);
  if (fields.length !== 5) throw new Error(`found ${fields.length} fields, want minute, hour, day, month and weekday`);
  const [minute = "", hour = "", day = "", month = "", weekday = ""] = fields;
  const days = values(day, { name: "day", from: 1, to: 31 });
  const months = values(month, { name: "month", from: 1, to: 12, names: MONTHS });
  const weekdays = values(weekday, { name: "weekday", from: 0, to: 7, names: WEEKDAYS });
  if (weekdays.has(7)) weekdays.add(0);
  // When both say something, one of them is enough.
  const isEither = !day.startsWith("*") && !weekday.startsWith("*");
  const cron: Cron = {
    minutes: [...values(minute, { name: "minute", from: 0, to: 59 })].sort((a, b) => a - b),
    hours: [...values(hour, { name: "hour", from: 0, to: 23 })].sort((a, b) => a - b),
    isDay: (local) => {
      if (!months.has(local.getUTCMonth() + 1)) return false;
      const [isDay, isWeekday] = [days.has(local.getUTCDate()), weekdays.has(local.getUTCDay())];
      return isEither ? isDay || isWeekday : isDay && isWeekday;
    },
  };
  if (localTimes(cron, 0).next().done === true) throw new Error("no day has this day and month");
  return cron;
}

// Numbers of a field such as `*`, `5`, `1-5`, `*/15`, `10-40/10`, or several of them between commas.
function values(text: string, field: Field): Set<number> {
  const found = new Set<number>();
  for (const part of text.split(",")) {
    const [, range = "", step = "1"] = /^([^/]+)(?:\/(\d{1,2}))?$/.exec(part) ?? [];
    const [first = "", last, ...more] = range.split("-");
    const low = first === "*" ? field.from : numberOf(first, field);
    // A step after a single number goes on to the end, as in Vixie's cron.
    const open = first === "*" || part.includes("/");
    const high = last === undefined ? (open ? field.to : low) : numberOf(last, field);
    if (more.length > 0 || low === undefined || high === undefined || low > high || Number(step) === 0) {
      throw new Error(`found "${part}" as ${field.name}, want numbers from ${field.from} to ${field.to}`);
    }
    for (let value = low; value <= high; value += Number(step)) found.add(value);
  }
  return found;
}

function numberOf(text: string, { from, to, names = [] }: Field): number | undefined {
  const named = names.indexOf(text.toLowerCase());
  const value = named >= 0 ? named + from : /^\d{1,2}$/.test(text) ? Number(text) : Number.NaN;
  return value >= from && value <= to ? value : undefined;
}

/** Local times that fit, from `from` back. */
export function* localTimesBack(cron: Cron, from: number): Generator<number> {
  const first = Math.floor(from / DAY);
  for (let day = first; day > first - MOST_DAYS; day--) {
    if (!cron.isDay(new Date(day * DAY))) continue;
    for (const hour of cron.hours.toReversed()) {
      for (const minute of cron.minutes.toReversed()) {
        const time = timeOf(day, hour, minute);
        if (time <= from) yield time;
      }
    }
  }
}

const timeOf = (day: number, hour: number, minute: number): number => day * DAY + (hour * 60 + minute) * MINUTE;

/** Local times that fit, after `from`; see zone.ts for how they are written. */
export function* localTimes(cron: Cron, from: number): Generator<number> {
  const first = Math.floor(from / DAY);
  for (let day = first; day < first + MOST_DAYS; day++) {
    if (!cron.isDay(new Date(day * DAY))) continue;
    for (const hour of cron.hours) {
      for (const minute of cron.minutes) {
        const time = timeOf(day, hour, minute);
        if (time > from) yield time;
      }
    }
  }
}
