import { WitError, isPetioleError } from "../domain/errors.ts";
import type { LinkSpec } from "../domain/workload.ts";
import type { Clock } from "../lib/clock.ts";
import type { Counter, Histogram, MetricsRegistry, MetricsScope } from "../lib/metrics.ts";

/** Counts the calls over one link. */
export interface CallMeter {
  /** Returns when the call began, for `ended`. */
  began(): number;
  failed(error: unknown): void;
  /** In any case, also after `failed`. */
  ended(began: number): void;
}

/** Who calls whom, by which link; an empty source stands for other hosts. */
export type MeteredLink = Pick<LinkSpec, "name" | "source" | "target">;

export interface LinkMeters {
  /** The same one as long as the link is there, however often it is bound. */
  of(link: MeteredLink): CallMeter;
  /** Forgets the others. */
  retain(links: readonly MeteredLink[]): void;
}

export function createLinkMeters(registry: MetricsRegistry, clock: Clock): LinkMeters {
  const known = new Map<string, { readonly meter: CallMeter; readonly scope: MetricsScope }>();
  const keyOf = ({ name, source, target }: MeteredLink): string => JSON.stringify([source, target, name]);

  return {
    of(link) {
      const key = keyOf(link);
      const found = known.get(key);
      if (found !== undefined) return found.meter;
      const { name, source, target } = link;
      const scope = registry.scope("petiole_link_", { source, target, link: name });
      const meter = new LinkMeter(scope, clock);
      known.set(key, { meter, scope });
      return meter;
    },
    retain(links) {
      const wanted = new Set(links.map(keyOf));
      for (const [key, { scope }] of known) {
        if (wanted.has(key)) continue;
        scope[Symbol.dispose]();
        known.delete(key);
      }
    },
  };
}

/** Has `call` counted. */
export async function measured<T>(meter: CallMeter, call: () => Promise<T>): Promise<T> {
  const began = meter.began();
  try {
    return await call();
  } catch (error) {
    meter.failed(error);
    throw error;
  } finally {
    meter.ended(began);
  }
}

class LinkMeter implements CallMeter {
  readonly #scope: MetricsScope;
  readonly #clock: Clock;
  readonly #calls: Counter;
  readonly #duration: Histogram;
  #open = 0;

  constructor(scope: MetricsScope, clock: Clock) {
    this.#scope = scope;
    this.#clock = clock;
    this.#calls = scope.counter("calls_total", "Calls that were begun over a link.");
    this.#duration = scope.histogram(
      "call_duration_seconds",
      "Time that calls over a link took, failed ones included.",
    );
    scope.observedGauge("calls_in_flight", "Calls over a link that have not ended.", () => this.#open);
  }

  began(): number {
    this.#calls.add();
    this.#open += 1;
    return this.#clock.monotonic();
  }

  failed(error: unknown): void {
    const code = error instanceof WitError ? "wit-error" : isPetioleError(error) ? error.code : "ERR_INVARIANT";
    this.#scope
      .counter("call_errors_total", "Calls over a link that failed, by code; wit-error: the callee's own err.", {
        code,
      })
      .add();
  }

  ended(began: number): void {
    this.#open -= 1;
    this.#duration.observe((this.#clock.monotonic() - began) / 1000);
  }
}
