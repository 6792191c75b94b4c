import { PetioleError, WitError, type Binding, type LinkContext } from "#provider";
import type { Bus, Failure } from "./bus.ts";
import type { LinkConfig } from "./config.ts";
import { createDelivery } from "./delivery.ts";
import type { Request } from "./frames.ts";
import type { Batch, Poll } from "./poll.ts";

export const CLIENT = "petiole:modbus/client";
export const READINGS_HANDLER = "petiole:modbus/readings-handler";

export interface RunningBus {
  readonly bus: Bus;
  readonly polls: ReadonlyMap<string, Poll>;
}

/**
 * Serves one link.
 * @throws PetioleError ERR_LINK_INVALID when the link names a bus or poll that the provider does not have
 */
export function bindModbus(link: LinkContext<LinkConfig>, buses: ReadonlyMap<string, RunningBus>): Binding {
  const { config } = link;
  const granted = new Map(config.buses.map((label) => [label, named(link, "bus", label, buses)]));
  if (link.direction === "exports") return deliverReadings(link, granted);

  const send = async (label: string, unit: number, request: Request) => {
    const found = granted.get(label);
    if (found === undefined || config.units?.includes(unit) === false) throw new WitError({ tag: "not-granted" });
    if (request.code > 4 && !config.write) throw new WitError({ tag: "not-permitted" });
    const outcome = await found.bus.request(unit, request);
    if ("failure" in outcome) throw new WitError(errorOf(outcome.failure));
    return outcome.values;
  };
  const readBits = (code: 1 | 2) => async (bus: string, unit: number, address: number, count: number) =>
    (await send(bus, unit, { code, address, count })).bits;
  const readWords = (code: 3 | 4) => async (bus: string, unit: number, address: number, count: number) =>
    Uint16Array.from((await send(bus, unit, { code, address, count })).words);
  return {
    functions: {
      [CLIENT]: {
        "read-coils": readBits(1),
        "read-discrete-inputs": readBits(2),
        "read-holding-registers": readWords(3),
        "read-input-registers": readWords(4),
        "write-coil": async (bus: string, unit: number, address: number, on: boolean) =>
          void (await send(bus, unit, { code: 5, address, on })),
        "write-register": async (bus: string, unit: number, address: number, word: number) =>
          void (await send(bus, unit, { code: 6, address, word })),
        "write-coils": async (bus: string, unit: number, address: number, bits: readonly boolean[]) =>
          void (await send(bus, unit, { code: 15, address, bits })),
        "write-registers": async (bus: string, unit: number, address: number, words: ArrayLike<number>) =>
          void (await send(bus, unit, { code: 16, address, words: Array.from(words) })),
      },
    },
    [Symbol.asyncDispose]: async () => {},
  };
}

function deliverReadings(link: LinkContext<LinkConfig>, granted: ReadonlyMap<string, RunningBus>): Binding {
  const stack = new AsyncDisposableStack();
  const every = new Map([...granted.values()].flatMap(({ polls }) => [...polls]));
  for (const name of link.config.polls ?? []) named(link, "poll", name, every);
  for (const { polls } of granted.values()) {
    for (const [name, poll] of polls) {
      if (link.config.polls?.includes(name) === false) continue;
      const delivery = stack.use(
        createDelivery<Batch>({
          limit: link.config.queue,
          log: link.log,
          handle: async (batch, lost) => await link.call(READINGS_HANDLER, "handle-readings", [batchOf(batch, lost)]),
        }),
      );
      stack.use(poll.attach((batch) => delivery.put(batch)));
    }
  }
  return { functions: {}, [Symbol.asyncDispose]: async () => await stack.disposeAsync() };
}

function batchOf({ readings, ...batch }: Batch, lost: number): Readonly<Record<string, unknown>> {
  return {
    ...batch,
    lost: BigInt(lost),
    readings: readings.map(({ name, measure, value }) => ({
      name,
      measure,
      value: typeof value === "number" ? { tag: "ok", val: value } : { tag: "err", val: errorOf(value) },
    })),
  };
}

const EXCEPTIONS: Readonly<Record<number, string>> = {
  1: "illegal-function",
  2: "illegal-data-address",
  3: "illegal-data-value",
  4: "server-device-failure",
  5: "acknowledge",
  6: "server-device-busy",
  8: "memory-parity-error",
  10: "gateway-path-unavailable",
  11: "gateway-target-failed",
};

/** The variant `error-code`. */
function errorOf(failure: Failure): object {
  if (failure.tag !== "exception") return { tag: failure.tag };
  const name = EXCEPTIONS[failure.exception];
  return { tag: "exception", val: name === undefined ? { tag: "unknown", val: failure.exception } : { tag: name } };
}

function named<T>(link: LinkContext<LinkConfig>, what: "bus" | "poll", name: string, all: ReadonlyMap<string, T>): T {
  const found = all.get(name);
  if (found !== undefined) return found;
  throw new PetioleError(
    "ERR_LINK_INVALID",
    `Cannot link "${link.component}" to Modbus ${what} "${name}": found ${[...all.keys()].join(", ") || "none"}`,
  );
}
