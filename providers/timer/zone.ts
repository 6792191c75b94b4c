// Local time. A local time is written as the number of milliseconds that it would be in UTC.

const DAY = 86_400_000;

export interface Zone {
  toLocal(instant: number): number;
  /**
   * The first instant that shows this local time; when clocks are put forward over it, the instant at which they are.
   */
  toInstant(local: number): number;
}

/**
 * `name` as in the IANA database; undefined is the device's own zone.
 * @throws RangeError when there is no such zone
 */
export function createZone(name: string | undefined): Zone {
  if (name === "UTC") return { toLocal: (instant) => instant, toInstant: (local) => local };
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone: name,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });

  const toLocal = (instant: number): number => {
    const part = Object.fromEntries(format.formatToParts(instant).map(({ type, value }) => [type, Number(value)]));
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part;
    return Date.UTC(year, month - 1, day, hour, minute, second) + (((instant % 1000) + 1000) % 1000);
  };
  const offset = (instant: number): number => toLocal(instant) - instant;

  return {
    toLocal,
    toInstant(local) {
      // No zone is changed twice within two days.
      const [before, after] = [offset(local - DAY), offset(local + DAY)];
      if (before === after) return local - before;
      const fitting = [local - before, local - after].filter((instant) => toLocal(instant) === local);
      if (fitting.length > 0) return Math.min(...fitting);
      let [low, high] = [local - after, local - before];
      while (high - low > 1) {
        const middle = Math.floor((low + high) / 2);
        if (offset(middle) === before) low = middle;
        else high = middle;
      }
      return high;
    },
  };
}
