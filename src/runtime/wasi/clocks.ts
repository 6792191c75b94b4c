// wasi:clocks: the device's clocks, and its time zone.

import { instant, Pollable, type Suspend } from "./waiting.ts";

interface Datetime {
  readonly seconds: bigint;
  readonly nanoseconds: number;
}

interface TimezoneDisplay {
  /** Seconds that local time is ahead of UTC. */
  readonly utcOffset: number;
  readonly name: string;
  readonly inDaylightSavingTime: boolean;
}

const NANOSECONDS = 1_000_000_000n;
// Dates of JavaScript end there.
const LAST_SECOND = 8_640_000_000_000n;

export function createClocks(suspend: Suspend): Readonly<Record<string, Readonly<Record<string, unknown>>>> {
  const now = (): bigint => process.hrtime.bigint();
  return {
    "wasi:clocks/monotonic-clock": {
      now,
      resolution: () => 1n,
      subscribeInstant: (when: bigint) => new Pollable(suspend, instant(when, now)),
      subscribeDuration: (duration: bigint) => new Pollable(suspend, instant(now() + duration, now)),
    },
    "wasi:clocks/wall-clock": {
      now: (): Datetime => {
        const unix = BigInt(Date.now()) * 1_000_000n;
        return { seconds: unix / NANOSECONDS, nanoseconds: Number(unix % NANOSECONDS) };
      },
      resolution: (): Datetime => ({ seconds: 0n, nanoseconds: 1_000_000 }),
    },
    "wasi:clocks/timezone": { display: timezoneAt, utcOffset: (when: Datetime) => timezoneAt(when).utcOffset },
  };
}

/** The time zone of this process at an instant; UTC for instants that no calendar knows. */
export function timezoneAt({ seconds }: Pick<Datetime, "seconds">): TimezoneDisplay {
  if (seconds > LAST_SECOND) return { utcOffset: 0, name: "UTC", inDaylightSavingTime: false };
  const date = new Date(Number(seconds) * 1000);
  const utcOffset = offsetOf(date);
  const year = date.getFullYear();
  // Where clocks are moved at all, standard time is what they show in the darker half of the year.
  const standard = Math.min(offsetOf(new Date(year, 0, 1)), offsetOf(new Date(year, 6, 1)));
  return { utcOffset, name: nameOf(date), inDaylightSavingTime: utcOffset > standard };
}

const offsetOf = (date: Date): number => -60 * date.getTimezoneOffset() + 0; // No negative zero.

function nameOf(date: Date): string {
  const parts = new Intl.DateTimeFormat("en", { timeZoneName: "short" }).formatToParts(date);
  return parts.find((part) => part.type === "timeZoneName")?.value ?? "UTC";
}
