// What a benchmark is, and how its results are shown. `bench/<area>.ts` exports `benchmark`.

export interface Measurement {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** Against the baseline of the same run, so that the machine's speed does not matter; undefined for the baseline. */
  readonly ratio?: number;
  readonly goal?: Goal;
}

/** What is to be reached: of the value, or of its ratio. */
export interface Goal {
  readonly of: "value" | "ratio";
  readonly atLeast?: number;
  readonly atMost?: number;
}

export type Report = (measurement: Measurement) => void;

/** Of the command line. */
export interface Options {
  /** The executable to measure. */
  readonly binary?: string | undefined;
}

export interface Benchmark {
  /** One line: what is compared with what. */
  readonly title: string;
  /** Each has its own baseline, and can be run alone. */
  readonly parts: Readonly<Record<string, (report: Report, options: Options) => Promise<void>>>;
}

/** Of an even number of values, the upper one in the middle. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The smallest value that at least the share `q` of all values does not exceed. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const found = sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
  if (found === undefined) throw new Error("Cannot take a quantile of nothing");
  return found;
}

/** Undefined when there is no goal, or the ratio that it is about. */
export function meetsGoal({ value, ratio, goal }: Measurement): boolean | undefined {
  const measured = goal?.of === "ratio" ? ratio : value;
  if (goal === undefined || measured === undefined) return undefined;
  return measured >= (goal.atLeast ?? -Infinity) && measured <= (goal.atMost ?? Infinity);
}

export function describeGoal({ goal, unit }: Measurement): string {
  if (goal === undefined) return "";
  const what = goal.of === "ratio" ? "×" : ` ${unit}`;
  const parts = [
    goal.atLeast === undefined ? [] : [`≥ ${formatNumber(goal.atLeast)}${what}`],
    goal.atMost === undefined ? [] : [`≤ ${formatNumber(goal.atMost)}${what}`],
  ];
  return parts.flat().join(", ");
}

/** One line for programs. */
export function toJson(measurement: Measurement): string {
  const { name, value, unit, ratio } = measurement;
  const ok = meetsGoal(measurement);
  return JSON.stringify({ name, value, unit, ratio: ratio ?? null, goal: describeGoal(measurement), ok: ok ?? null });
}

/** A table for people. */
export function toTable(measurements: readonly Measurement[]): string {
  const head = ["", "value", "", "ratio", "goal", ""];
  const rows = measurements.map((measurement) => {
    const ok = meetsGoal(measurement);
    return [
      measurement.name,
      formatNumber(measurement.value),
      measurement.unit,
      measurement.ratio === undefined ? "" : `${formatNumber(measurement.ratio)}×`,
      describeGoal(measurement),
      ok === undefined ? "" : ok ? "ok" : "MISSED",
    ];
  });
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const numeric = new Set([1, 3]);
  return [head, ...rows]
    .map((row) =>
      row
        .map((cell, column) =>
          numeric.has(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
        )
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** Three digits that matter, thousands apart. */
export function formatNumber(value: number): string {
  const rounded = value === 0 ? 0 : Number(value.toPrecision(3));
  return rounded.toLocaleString("en-US", { maximumSignificantDigits: 3 });
}
