import {
  PetioleError,
  WitError,
  createInFlight,
  millis,
  type Binding,
  type Clock,
  type LinkContext,
  type Metrics,
} from "#provider";
import type { LinkConfig } from "./config.ts";
import type { Reading, Station } from "./station.ts";
import type { SensorError } from "./sysfs.ts";

export const READER = "petiole:sensors/reader";
export const HANDLER = "petiole:sensors/readings-handler";

export interface BindDeps {
  readonly station: Station;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

/** @throws PetioleError ERR_LINK_INVALID when the link names a sensor that the provider does not have */
export function bindSensors(link: LinkContext<LinkConfig>, deps: BindDeps): Binding {
  for (const name of link.config.sensors) {
    if (deps.station.has(name)) continue;
    const known = `found ${deps.station.names.join(", ")}`;
    throw new PetioleError("ERR_LINK_INVALID", `Cannot link "${link.component}" to sensor "${name}": ${known}`);
  }
  return link.direction === "exports" ? pushReadings(link, deps) : serveReader(link, deps);
}

const witError = ({ reason, message }: SensorError): Readonly<Record<string, unknown>> =>
  reason === "disconnected" ? { tag: "disconnected" } : { tag: "failed", val: message };

const witReading = ({ value, ...rest }: Reading): Readonly<Record<string, unknown>> => ({
  ...rest,
  value: typeof value === "number" ? { tag: "ok", val: value } : { tag: "err", val: witError(value) },
});

function serveReader({ config }: LinkContext<LinkConfig>, { station, metrics }: BindDeps): Binding {
  const failures = metrics.counter("failed_readings_total", "Readings that gave no value.");
  const calls = createInFlight();
  return {
    functions: {
      [READER]: {
        "list-sensors": () => config.sensors,
        read: async (name: string) => {
          if (!config.sensors.includes(name)) throw new WitError({ tag: "not-granted" });
          const found = await calls.track(station.read(name));
          if (typeof found.value === "number") return witReading(found);
          failures.add();
          throw new WitError(witError(found.value));
        },
      },
    },
    [Symbol.asyncDispose]: async () => await calls.settled(),
  };
}

/** Rounds begin at multiples of the interval, so that they do not drift; those that a slow one covers are left out. */
function pushReadings({ config, call, log }: LinkContext<LinkConfig>, { station, clock, metrics }: BindDeps): Binding {
  const failures = metrics.counter("failed_readings_total", "Readings that gave no value.");
  const dropped = metrics.counter(
    "lost_rounds_total",
    "Rounds that were left out because the one before took too long.",
  );
  const stopping = new AbortController();
  const { signal } = stopping;
  const failing = new Set<string>();

  function note({ name, value }: Reading): void {
    if (typeof value === "number") {
      if (failing.delete(name)) log.info("A sensor can be read again", { sensor: name });
      return;
    }
    failures.add();
    // Once, not with every round.
    if (!failing.has(name)) log.warn("Cannot read a sensor", { sensor: name, reason: value.message });
    failing.add(name);
  }

  async function run(): Promise<void> {
    const start = clock.monotonic();
    let round = 0;
    let lost = 0;
    for (let sequence = 1; ; sequence += 1) {
      // A driver may hang: the end of the link does not wait for it.
      const readings = await unlessAborted(Promise.all(config.sensors.map((name) => station.read(name))), signal);
      readings.forEach(note);
      const batch = { readings: readings.map(witReading), sequence: BigInt(sequence), lost: BigInt(lost) };
      try {
        await call(HANDLER, "handle-readings", [batch]);
      } catch (err) {
        signal.throwIfAborted();
        // The next round brings newer values: this one is not tried again.
        log.error("The component failed on readings", { sequence, err });
      }
      const passed = Math.floor((clock.monotonic() - start) / config.every);
      lost = Math.max(0, passed - round);
      dropped.add(lost);
      round = Math.max(round, passed) + 1;
      await clock.sleep(millis(Math.max(1, start + round * config.every - clock.monotonic())), signal);
    }
  }

  const running = run().catch((err: unknown) => {
    if (!signal.aborted) log.error("Readings of sensors have ended", { err });
  });
  return {
    functions: {},
    async [Symbol.asyncDispose]() {
      stopping.abort(new Error("The link has ended"));
      await running;
    },
  };
}

async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const abort = (): void => reject(signal.reason as Error);
  signal.addEventListener("abort", abort, { once: true });
  work.then(resolve, reject);
  try {
    const result = await promise;
    signal.throwIfAborted();
    return result;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
