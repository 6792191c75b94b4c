import { defineConfig } from "vitest/config";
import { ConformanceRuns } from "./test/support/conformance-runs.ts";
import { SecondTries } from "./test/support/second-tries.ts";

const base = { pool: "forks" as const, testTimeout: 20_000, hookTimeout: 30_000 };
// One file at a time, and one kind after another: these start servers and agents, which share the machine's cores.
const oneByOne = (groupOrder: number) => ({
  ...base,
  // Real servers and processes on a busy machine: a test that fails is tried once more in CI, and named at the end.
  retry: process.env["CI"] === undefined ? 0 : 1,
  fileParallelism: false,
  testTimeout: 120_000,
  hookTimeout: 120_000,
  sequence: { groupOrder },
});

export default defineConfig({
  test: {
    reporters: ["default", new ConformanceRuns(), new SecondTries()],
    projects: [
      {
        test: {
          ...base,
          name: "unit",
          include: [
            "{src,providers,scripts,bench,cross-build,examples}/**/*.test.ts",
            "test/*.test.ts",
            "test/{faults,chaos}/*.test.ts",
            "test/device/lab/*.test.ts",
          ],
        },
      },
      {
        test: {
          ...oneByOne(1),
          name: "integration",
          include: ["test/{integration,fuzz,foreign,conformance}/**/*.test.ts"],
        },
      },
      { test: { ...oneByOne(2), name: "e2e", include: ["test/e2e/**/*.test.ts"] } },
      {
        test: { ...oneByOne(3), name: "device", include: ["test/device/*.test.ts"] },
      },
    ],
  },
});
