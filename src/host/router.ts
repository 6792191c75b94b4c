import { PetioleError } from "../domain/errors.ts";
import type { Millis } from "../domain/units.ts";
import { unversioned } from "../domain/wit-name.ts";
import type { ComponentId } from "../domain/workload.ts";
import type { Clock } from "../lib/clock.ts";
import type { CapabilityCall, CapabilityFunctions } from "../provider/contract.ts";
import type { CallMeter } from "./link-meters.ts";

/** What serves the interfaces of a component, from one moment to another. Disposing it: nothing is served by it any more. */
export interface Route extends Disposable {
  /**
   * Resolves when the calls that it was given have ended, and in any case after `limit`. Meant for when no new ones come: it
   * was disposed, or another one took its place.
   */
  drain(limit: Millis): Promise<void>;
}

export interface RouteSpec {
  readonly component: ComponentId;
  /** Unversioned. */
  readonly interfaces: readonly string[];
  readonly functions: CapabilityFunctions | CapabilityCall;
  readonly meter: CallMeter;
}

/**
 * Finds what serves a component's import, at the moment of the call: a link may be swapped while the component runs. A
 * call either goes to what served before or to what serves now. One that comes in between waits, not longer than `grace`.
 */
export interface Router {
  /** Routes calls from now on, also those for which there is another route; that one keeps the calls that it has. */
  add(route: RouteSpec): Route;
  /**
   * Calls the linked function.
   * @throws WitError the function's `err`
   * @throws PetioleError ERR_PROVIDER_STOPPED when nothing serves the interface now
   */
  call(component: ComponentId, interfaceName: string, functionName: string, args: readonly unknown[]): Promise<unknown>;
}

export interface RouterDeps {
  readonly clock: Clock;
  /** How long a call waits for what takes the place of a route that has ended. */
  readonly grace: Millis;
}

/** Calls of one interface that wait at a time; further ones fail at once. */
const MOST_WAITING = 256;

/** An interface that was served a moment ago. */
interface Gap {
  readonly over: PromiseWithResolvers<void>;
  waiting: number;
}

export function createRouter({ clock, grace }: RouterDeps): Router {
  /** What serves a place is the last one. Those before it may be needed again: what took their place may go first. */
  const routes = new Map<string, readonly LiveRoute[]>();
  const gaps = new Map<string, Gap>();
  const placeOf = (component: ComponentId, name: string): string => `${component} ${name}`;

  function openGap(place: string): void {
    const gap: Gap = { over: Promise.withResolvers(), waiting: 0 };
    gaps.set(place, gap);
    void clock
      .sleep(grace)
      .catch(() => {})
      .then(() => closeGap(place, gap));
  }

  function closeGap(place: string, gap: Gap | undefined): void {
    if (gap === undefined || gaps.get(place) !== gap) return;
    gaps.delete(place);
    gap.over.resolve();
  }

  /** What serves the place once somebody does. */
  async function arrival(place: string): Promise<LiveRoute | undefined> {
    const gap = gaps.get(place);
    if (gap === undefined || gap.waiting >= MOST_WAITING) return undefined;
    gap.waiting += 1;
    await gap.over.promise;
    return routes.get(place)?.at(-1);
  }

  return {
    add({ component, interfaces, functions, meter }) {
      const places = interfaces.map((name) => placeOf(component, name));
      const route = new LiveRoute(functions, meter, clock);
      for (const place of places) {
        routes.set(place, [...(routes.get(place) ?? []), route]);
        closeGap(place, gaps.get(place));
      }
      return {
        drain: async (limit) => await route.drain(limit),
        [Symbol.dispose]: () => {
          for (const place of places) {
            const before = routes.get(place);
            if (before?.includes(route) !== true) continue;
            const others = before.filter((one) => one !== route);
            if (others.length > 0) {
              routes.set(place, others);
              continue;
            }
            routes.delete(place);
            openGap(place);
          }
        },
      };
    },

    async call(component, interfaceName, functionName, args) {
      const name = unversioned(interfaceName);
      const place = placeOf(component, name);
      const route = routes.get(place)?.at(-1) ?? (await arrival(place));
      if (route === undefined) {
        throw new PetioleError(
          "ERR_PROVIDER_STOPPED",
          `Cannot call ${name} for "${component}": what it is linked to is not there`,
        );
      }
      const began = route.began();
      try {
        return await callFunction(route.functions, name, functionName, args);
      } catch (error) {
        route.meter.failed(error);
        throw error;
      } finally {
        route.ended(began);
      }
    },
  };
}

/** Knows how many calls it has. */
class LiveRoute {
  readonly functions: CapabilityFunctions | CapabilityCall;
  readonly meter: CallMeter;
  readonly #clock: Clock;
  #open = 0;
  #drained: PromiseWithResolvers<void> | undefined;

  constructor(functions: LiveRoute["functions"], meter: CallMeter, clock: Clock) {
    this.functions = functions;
    this.meter = meter;
    this.#clock = clock;
  }

  began(): number {
    this.#open += 1;
    return this.meter.began();
  }

  ended(began: number): void {
    this.meter.ended(began);
    this.#open -= 1;
    if (this.#open === 0) this.#drained?.resolve();
  }

  async drain(limit: Millis): Promise<void> {
    if (this.#open === 0) return;
    this.#drained ??= Promise.withResolvers();
    const enough = new AbortController();
    const late = this.#clock.sleep(limit, enough.signal).catch(() => {});
    await Promise.race([this.#drained.promise, late]);
    enough.abort();
  }
}

/**
 * Calls what a provider serves.
 * @throws PetioleError ERR_LINK_INVALID when it lacks the function
 */
export async function callFunction(
  functions: CapabilityFunctions | CapabilityCall,
  interfaceName: string,
  functionName: string,
  args: readonly unknown[],
): Promise<unknown> {
  if (typeof functions === "function") return await functions(interfaceName, functionName, args);
  const target = functions[interfaceName]?.[functionName];
  if (target === undefined) {
    throw new PetioleError("ERR_LINK_INVALID", `Cannot call ${interfaceName}#${functionName}: the provider lacks it`);
  }
  // The component's import has the arguments of the WIT function; providers declare the same ones.
  return await (target as (...values: readonly unknown[]) => unknown)(...args);
}
