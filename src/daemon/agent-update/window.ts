import { minutes, type Millis } from "../../domain/units.ts";

/** Times of the day in minutes; one that ends before it begins goes over midnight. */
export interface MaintenanceWindow {
  readonly from: number;
  readonly to: number;
}

const DAY = 24 * 60;

/** How long it is until the window opens; 0 within it. By the device's own time zone. */
export function untilWindow({ from, to }: MaintenanceWindow, now: Date): Millis {
  const minute = now.getHours() * 60 + now.getMinutes();
  const isInside = from < to ? minute >= from && minute < to : minute >= from || minute < to;
  return minutes(isInside ? 0 : (from - minute + DAY) % DAY);
}
