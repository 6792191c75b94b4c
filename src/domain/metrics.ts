// What `petiole metrics` shows; also the answer of the control socket, as JSON.

export type MetricLabels = Readonly<Record<string, string>>;

interface Family<Kind, Sample> {
  /** As Prometheus has it: with its unit, and `_total` at the end of a counter's. */
  readonly name: string;
  readonly help: string;
  readonly kind: Kind;
  readonly samples: readonly Sample[];
}

export interface NumberSample {
  readonly labels: MetricLabels;
  readonly value: number;
}

export interface HistogramSample {
  readonly labels: MetricLabels;
  readonly count: number;
  readonly sum: number;
  /** How many values were not above each bound, in the order of the bounds. */
  readonly buckets: readonly { readonly le: number; readonly count: number }[];
}

/** All that is measured under one name. */
export type MetricFamily = Family<"counter" | "gauge", NumberSample> | Family<"histogram", HistogramSample>;
