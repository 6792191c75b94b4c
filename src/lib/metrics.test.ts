import { describe, test } from "vitest";
import { MOST_SERIES, createMetricsRegistry, formatPrometheus } from "./metrics.ts";

describe("createMetricsRegistry()", () => {
  test("counts under one name for several owners, and forgets what one of them had", ({ expect }) => {
    const registry = createMetricsRegistry();
    const scopes = ["a", "b"].map((provider) => registry.scope("petiole_", { provider }));
    for (const scope of scopes) scope.counter("reads_total", "Reads.").add(2);
    scopes[0]?.counter("reads_total", "Reads.").add();
    scopes[1]?.[Symbol.dispose]();
    expect(registry.families()).toEqual([
      {
        name: "petiole_reads_total",
        help: "Reads.",
        kind: "counter",
        samples: [{ labels: { provider: "a" }, value: 3 }],
      },
    ]);
  });

  test("counts what has too many labels together", ({ expect }) => {
    const registry = createMetricsRegistry();
    const scope = registry.scope("", { provider: "a" });
    for (let topic = 0; topic < MOST_SERIES + 10; topic += 1) {
      scope.counter("messages_total", "Messages.", { topic: String(topic) }).add();
    }
    scope.counter("messages_total", "Messages.", { topic: "0" }).add();
    const [family] = registry.families();
    expect(family?.samples).toHaveLength(MOST_SERIES + 1);
    expect(family?.samples[0]).toEqual({ labels: { topic: "0", provider: "a" }, value: 2 });
    expect(family?.samples.at(-1)).toEqual({ labels: { topic: "other", provider: "a" }, value: 10 });
  });

  test.for(["reads", "Reads_total", "reads-total", ""])('refuses "%s" for a counter', (name, { expect }) => {
    const scope = createMetricsRegistry().scope("", {});
    expect(() => scope.counter(name, "Reads.")).toThrow(`Cannot measure "${name}"`);
  });
});

test("formatPrometheus() writes labels safely, and histograms so that each bucket holds the smaller ones", ({
  expect,
}) => {
  const registry = createMetricsRegistry();
  const scope = registry.scope("", { path: 'a"b\\c\nd' });
  const histogram = scope.histogram("wait_seconds", "Time.", { bounds: [0.1, 1] });
  for (const value of [0.05, 0.1, 0.5, 7]) histogram.observe(value);
  scope.observedGauge("depth", "How many wait.", () => 4);
  expect(formatPrometheus(registry.families())).toBe(
    [
      "# HELP depth How many wait.",
      "# TYPE depth gauge",
      'depth{path="a\\"b\\\\c\\nd"} 4',
      "# HELP wait_seconds Time.",
      "# TYPE wait_seconds histogram",
      'wait_seconds_bucket{path="a\\"b\\\\c\\nd",le="0.1"} 2',
      'wait_seconds_bucket{path="a\\"b\\\\c\\nd",le="1"} 3',
      'wait_seconds_bucket{path="a\\"b\\\\c\\nd",le="+Inf"} 4',
      'wait_seconds_sum{path="a\\"b\\\\c\\nd"} 7.65',
      'wait_seconds_count{path="a\\"b\\\\c\\nd"} 4',
      "",
    ].join("\n"),
  );
});
