import { PetioleError } from "../domain/errors.ts";
import type { HistogramSample, MetricFamily, MetricLabels, NumberSample } from "../domain/metrics.ts";

export interface Counter {
  /** Never less than nothing. */
  add(count?: number): void;
}

export interface Gauge {
  set(value: number): void;
  add(delta: number): void;
}

export interface Histogram {
  observe(value: number): void;
}

/**
 * Makes measures. Ask for one when something starts, and keep it: to count with it allocates nothing. Names have no prefix;
 * that of a counter ends in `_total`, others in their unit, such as `_seconds`. The same name and labels are the same measure.
 *
 * Labels are for what is few, such as a kind of error; never for what a message brings. Beyond `MOST_SERIES` of a name,
 * further ones are counted together, with `other` for every label.
 */
export interface Metrics {
  counter(name: string, help: string, labels?: MetricLabels): Counter;
  gauge(name: string, help: string, labels?: MetricLabels): Gauge;
  /** `read` is asked whenever somebody looks. */
  observedGauge(name: string, help: string, read: () => number, labels?: MetricLabels): void;
  histogram(name: string, help: string, options?: HistogramOptions): Histogram;
}

export interface HistogramOptions {
  readonly labels?: MetricLabels | undefined;
  /** Upper ends, ascending. */
  readonly bounds?: readonly number[] | undefined;
}

/** Disposing it forgets its measures. */
export interface MetricsScope extends Metrics, Disposable {}

export interface MetricsRegistry {
  /** Measures of one owner. `prefix` stands before their names, `labels` beside their own ones. */
  scope(prefix: string, labels: MetricLabels): MetricsScope;
  families(): MetricFamily[];
}

/** Of one name in one scope. */
export const MOST_SERIES = 64;

/** Seconds that a call may take. */
const CALL_BOUNDS: readonly number[] = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

const NAME = /^[a-z][a-z0-9_]*$/;

type Kind = MetricFamily["kind"];

class NumberSeries implements Counter, Gauge {
  #value = 0;
  readonly #read: (() => number) | undefined;

  constructor(read?: () => number) {
    this.#read = read;
  }

  add(count = 1): void {
    this.#value += count;
  }

  set(value: number): void {
    this.#value = value;
  }

  sample(labels: MetricLabels): NumberSample {
    return { labels, value: this.#read === undefined ? this.#value : this.#read() };
  }
}

class HistogramSeries implements Histogram {
  readonly #bounds: Float64Array;
  /** The sum is in it as well: a number in an object's own field would be allocated anew with each value. */
  readonly #counts: Float64Array;

  constructor(bounds: readonly number[]) {
    this.#bounds = Float64Array.from(bounds);
    this.#counts = new Float64Array(bounds.length + 2);
  }

  observe(value: number): void {
    const bounds = this.#bounds;
    let index = 0;
    // The last place is for what no bound holds. Of so few, one after the other is as fast as halving.
    while (index < bounds.length && value > (bounds[index] ?? Infinity)) index += 1;
    const counts = this.#counts;
    counts[index] = (counts[index] ?? 0) + 1;
    const sum = bounds.length + 1;
    counts[sum] = (counts[sum] ?? 0) + value;
  }

  sample(labels: MetricLabels): HistogramSample {
    let count = 0;
    const buckets = [...this.#bounds].map((le, index) => ({ le, count: (count += this.#counts[index] ?? 0) }));
    return { labels, count: count + (this.#counts.at(-2) ?? 0), sum: this.#counts.at(-1) ?? 0, buckets };
  }
}

type Series = NumberSeries | HistogramSeries;

interface Family {
  readonly kind: Kind;
  readonly help: string;
  readonly series: Map<string, { readonly labels: MetricLabels; readonly series: Series }>;
}

export function createMetricsRegistry(): MetricsRegistry {
  const scopes = new Set<Map<string, Family>>();

  return {
    scope(prefix, own) {
      const families = new Map<string, Family>();
      scopes.add(families);

      function familyOf(name: string, help: string, kind: Kind): Family {
        const full = `${prefix}${name}`;
        const known = families.get(full);
        if (!NAME.test(full) || (kind === "counter") !== full.endsWith("_total") || (known?.kind ?? kind) !== kind) {
          throw new PetioleError(
            "ERR_INVARIANT",
            `Cannot measure "${full}": no name for a ${kind}, or taken by another kind`,
          );
        }
        const family = known ?? { kind, help, series: new Map() };
        families.set(full, family);
        return family;
      }

      function seriesOf<T extends Series>(family: Family, labels: MetricLabels, make: () => T): T {
        const key = JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
        const isFull = family.series.size >= MOST_SERIES && !family.series.has(key);
        const others = Object.fromEntries(Object.keys(labels).map((name) => [name, "other"]));
        const place = isFull ? "other" : key;
        const known = family.series.get(place);
        // Within a family all series are of one class.
        if (known !== undefined) return known.series as T;
        const series = make();
        family.series.set(place, { labels: { ...(isFull ? others : labels), ...own }, series });
        return series;
      }

      return {
        counter: (name, help, labels = {}) =>
          seriesOf(familyOf(name, help, "counter"), labels, () => new NumberSeries()),
        gauge: (name, help, labels = {}) => seriesOf(familyOf(name, help, "gauge"), labels, () => new NumberSeries()),
        observedGauge: (name, help, read, labels = {}) => {
          seriesOf(familyOf(name, help, "gauge"), labels, () => new NumberSeries(read));
        },
        histogram: (name, help, { labels = {}, bounds = CALL_BOUNDS } = {}) =>
          seriesOf(familyOf(name, help, "histogram"), labels, () => new HistogramSeries(bounds)),
        [Symbol.dispose]: () => {
          scopes.delete(families);
        },
      };
    },

    families() {
      const merged = new Map<string, { kind: Kind; help: string; samples: (NumberSample | HistogramSample)[] }>();
      for (const scope of scopes) {
        for (const [name, { kind, help, series }] of scope) {
          const family = merged.get(name) ?? { kind, help, samples: [] };
          merged.set(name, family);
          // What two owners measure under one name is one thing; a second kind of it would be nonsense to whoever reads it.
          if (family.kind !== kind) continue;
          for (const one of series.values()) family.samples.push(one.series.sample(one.labels));
        }
      }
      return [...merged]
        .map(([name, family]) => ({ name, ...family }) as MetricFamily)
        .sort((a, b) => (a.name < b.name ? -1 : 1));
    },
  };
}

/** The text format of Prometheus, 0.0.4. */
export function formatPrometheus(families: readonly MetricFamily[]): string {
  const lines = families.flatMap((family) => [
    `# HELP ${family.name} ${family.help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}`,
    `# TYPE ${family.name} ${family.kind}`,
    ...(family.kind === "histogram"
      ? family.samples.flatMap((sample) => histogramLines(family.name, sample))
      : family.samples.map(({ labels, value }) => `${family.name}${formatLabels(labels)} ${value}`)),
  ]);
  return `${lines.join("\n")}\n`;
}

function histogramLines(name: string, { labels, count, sum, buckets }: HistogramSample): string[] {
  return [
    ...buckets.map((bucket) => `${name}_bucket${formatLabels({ ...labels, le: String(bucket.le) })} ${bucket.count}`),
    `${name}_bucket${formatLabels({ ...labels, le: "+Inf" })} ${count}`,
    `${name}_sum${formatLabels(labels)} ${sum}`,
    `${name}_count${formatLabels(labels)} ${count}`,
  ];
}

function formatLabels(labels: MetricLabels): string {
  const pairs = Object.entries(labels).map(
    ([name, value]) => `${name}="${value.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"')}"`,
  );
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}
