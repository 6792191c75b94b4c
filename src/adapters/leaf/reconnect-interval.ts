import { seconds, type Millis } from "../../domain/units.ts";

/**
 * The interval at which this device's server tries to reach the hub. A server waits the same time before each try, and
 * newer ones add up to as much again after a failed one, so the devices of a fleet must differ in the interval itself.
 * Whole seconds, because older servers know no others.
 */
export function reconnectInterval(longest: Millis, random: () => number = Math.random): Millis {
  const most = Math.max(1, Math.floor(longest / 1000));
  const least = Math.max(1, Math.ceil(most / 4));
  return seconds(least + Math.floor(random() * (most - least + 1)));
}
