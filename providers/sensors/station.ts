import { createExclusive, millis, type Clock, type Millis } from "#provider";
import type { SensorsConfig } from "./config.ts";
import { SensorError, createSensor, type Sensor } from "./sysfs.ts";

/** The record `reading` of `petiole:sensors`, with the error beside the value. */
export interface Reading {
  readonly name: string;
  readonly measure: string;
  readonly value: number | SensorError;
  /** Monotonic nanoseconds. */
  readonly timestamp: bigint;
}

/** The sensors of one provider. */
export interface Station {
  has(name: string): boolean;
  readonly names: readonly string[];
  read(name: string): Promise<Reading>;
}

export interface StationDeps {
  readonly config: SensorsConfig;
  readonly clock: Clock;
}

interface Entry {
  readonly sensor: Sensor;
  readonly isOnBus: boolean;
  /** A thread waits for the driver, however long that takes: nobody asks a second time meanwhile. */
  pending: Promise<number> | undefined;
  /** Of a driver that was waited for in vain, until it answers: nobody waits a second time meanwhile. */
  late: SensorError | undefined;
}

export function createStation({ config, clock }: StationDeps): Station {
  const entries = new Map<string, Entry>();
  for (const [name, sensor] of Object.entries(config.sensors)) {
    const isOnBus = "onewire" in sensor;
    entries.set(name, { sensor: createSensor(config.sysfs, sensor), isOnBus, pending: undefined, late: undefined });
  }
  // A thermometer takes most of a second, and its bus carries one conversion at a time: they share one thread.
  const bus = createExclusive();
  /** When the last reading on the bus began: those that wait for their turn are not late while it moves on. */
  let moved = 0;

  const ask = (entry: Entry): Promise<number> => {
    if (entry.pending !== undefined) return entry.pending;
    const onBus = (): Promise<number> => {
      moved = clock.monotonic();
      return entry.sensor.read();
    };
    const started = entry.isOnBus ? bus.run(onBus) : entry.sensor.read();
    const pending = started.finally(() => {
      entry.pending = undefined;
      entry.late = undefined;
    });
    pending.catch(() => {});
    return (entry.pending = pending);
  };

  const waitFor = async (entry: Entry): Promise<number | SensorError> => {
    const asked = clock.monotonic();
    const since = (): number => (entry.isOnBus ? Math.max(asked, moved) : asked);
    try {
      const value = await within({ clock, limit: config.timeout, since }, ask(entry));
      if (value !== undefined) return value;
    } catch (error) {
      if (error instanceof SensorError) return error;
      throw error;
    }
    const late = new SensorError("failed", `its driver did not answer within ${config.timeout} ms`);
    if (entry.pending !== undefined) entry.late = late;
    return late;
  };

  return {
    has: (name) => entries.has(name),
    names: [...entries.keys()],
    async read(name) {
      const entry = entries.get(name);
      if (entry === undefined) throw new Error(`There is no sensor "${name}"`);
      const value = entry.late ?? (await waitFor(entry));
      return { name, measure: entry.sensor.measure, value, timestamp: clock.nanoseconds() };
    },
  };
}

interface Within {
  readonly clock: Clock;
  readonly limit: Millis;
  /** What the limit is counted from; may move on. */
  readonly since: () => number;
}

/** Undefined when it takes longer. */
async function within<T>({ clock, limit, since }: Within, work: Promise<T>): Promise<T | undefined> {
  const ended = new AbortController();
  const expire = async (): Promise<undefined> => {
    for (let left = limit as number; left > 0; left = since() + limit - clock.monotonic()) {
      await clock.sleep(millis(left), ended.signal);
    }
    return undefined;
  };
  const late = expire();
  // Ended early, it rejects with nobody waiting.
  late.catch(() => {});
  try {
    return await Promise.race([work, late]);
  } finally {
    ended.abort(new Error("There is an answer"));
  }
}
