// What the component does, as plain functions: they know neither WIT nor Modbus.

export interface Settings {
  /** The pump goes on above it. */
  readonly high: number;
  /** And off below it. */
  readonly low: number;
}

/** Whether the pump is to run; undefined to leave it as it is. */
export function decide(level: number | undefined, { high, low }: Settings): boolean | undefined {
  // Without a level nobody knows what is right: what runs goes on, and so does what stands.
  if (level === undefined) return undefined;
  if (level > high) return true;
  if (level < low) return false;
  return undefined;
}

/** Settings of the deployment. Throws what says which of them is wrong. */
export function readSettings(get: (key: string) => string | undefined): Settings {
  const high = Number(get("high") ?? 80);
  const low = Number(get("low") ?? 20);
  if (low < high) return { high, low };
  throw new Error(`The settings low and high are ${low} and ${high}, want numbers with low below high`);
}
