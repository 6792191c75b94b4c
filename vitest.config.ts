import { defineConfig } from "vitest/config";

const inThreads = { pool: "forks" as const, testTimeout: 20_000, hookTimeout: 30_000 };
// One file at a time: these start servers and agents, and two cores are shared by all of them.
const oneByOne = { ...inThreads, fileParallelism: false, testTimeout: 90_000, hookTimeout: 90_000 };

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...inThreads,
          name: "unit",
          include: ["{src,providers,scripts,bench,cross-build,examples}/**/*.test.ts", "test/*.test.ts"],
        },
      },
      { test: { ...oneByOne, name: "integration", include: ["test/integration/**/*.test.ts"] } },
      { test: { ...oneByOne, name: "e2e", include: ["test/e2e/**/*.test.ts"] } },
      { test: { ...oneByOne, name: "device", include: ["test/device/**/*.test.ts"] } },
    ],
  },
});
