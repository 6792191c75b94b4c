import { test } from "vitest";
import type { MetricFamily } from "../../domain/metrics.ts";
import { openMetricsServer } from "./metrics-server.ts";

test("openMetricsServer() answers that there are none when they cannot be written, and goes on", async ({ expect }) => {
  // What a gauge of a provider says may be anything.
  const broken = [{ name: "a", help: "A.", kind: "gauge", samples: [{ labels: { a: 1 }, value: 1 }] }];
  const pages = [broken as unknown as MetricFamily[], []];
  await using server = await openMetricsServer({ listen: "127.0.0.1:0", read: async () => pages.shift() ?? [] });
  const ask = async (): Promise<number> => {
    const response = await fetch(`http://127.0.0.1:${server.port}/metrics`, { signal: AbortSignal.timeout(20_000) });
    await response.text();
    return response.status;
  };
  expect([await ask(), await ask()]).toEqual([503, 200]);
});
