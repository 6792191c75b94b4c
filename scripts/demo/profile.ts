// What the simulated world looks like. `progress` runs from 0 to 1 over the whole demo; the link is cut for its
// middle third, and it is then that the boiler becomes too hot.

/** The smoother's settings: also what `expected.ts` computes the alarms with. */
export const SETTINGS = { factor: 0.3, limit: 70, hysteresis: 3 } as const;

/** Degrees Celsius: warm, too hot from 0.4 to 0.8, warm again. */
export function boilerTemperature(progress: number): number {
  const heat = ramp(progress, 0.38, 0.48) - ramp(progress, 0.78, 0.88);
  return tenths(58 + 22 * heat + 0.4 * Math.sin(progress * 90));
}

/** Per cent: slowly emptied, with waves. */
export function tankLevel(progress: number): number {
  return tenths(48 - 12 * progress + Math.sin(progress * 60));
}

/** 0 before `from`, 1 after `to`, a straight line between. */
const ramp = (at: number, from: number, to: number): number => Math.min(1, Math.max(0, (at - from) / (to - from)));
const tenths = (value: number): number => Math.round(value * 10) / 10;
