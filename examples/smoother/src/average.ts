// The arithmetic: an exponential moving average and a limit with hysteresis.

export interface Settings {
  /** Weight of a new value, above 0 and at most 1; 1 does not smooth at all. */
  readonly factor: number;
  /** A smoothed value above it raises an alarm; undefined watches nothing. */
  readonly limit: number | undefined;
  /** How far below the limit the smoothed value must fall before the next alarm can be raised. */
  readonly hysteresis: number;
}

export interface SensorState {
  readonly smoothed: number;
  readonly alarmed: boolean;
}

export interface Step {
  readonly state: SensorState;
  /** True for the one value that crossed the limit. */
  readonly alarm: boolean;
}

/** Takes one more value into account; the first one starts the average. */
export function advance(before: SensorState | undefined, value: number, settings: Settings): Step {
  const { factor, limit, hysteresis } = settings;
  const smoothed = before === undefined ? value : before.smoothed + factor * (value - before.smoothed);
  if (limit === undefined) return { state: { smoothed, alarmed: false }, alarm: false };
  const wasAlarmed = before?.alarmed ?? false;
  const alarmed = wasAlarmed ? smoothed >= limit - hysteresis : smoothed > limit;
  return { state: { smoothed, alarmed }, alarm: alarmed && !wasAlarmed };
}
