import { describe, test } from "vitest";
import { startRequest, workloadSchema, writeHeartbeat, writeStatus, type HostFacts } from "./wire.ts";

describe("startRequest", () => {
  test("reads both spellings, numbers and text, names and numbers of enums, null and unknown fields", ({ expect }) => {
    const read = startRequest.parse({
      workload_id: "a",
      newer: { field: 1 },
      workload: {
        namespace: "default",
        service: null,
        wit_world: {
          components: [
            { image: "a/b", pool_size: "2", maxInvocations: 1e2, image_pull_policy: 3, image_pull_secret: {} },
            { image: "c/d", imagePullPolicy: "IMAGE_PULL_POLICY_ALWAYS", maxConcurrency: "-1.0" },
            { image: "e/f", imagePullPolicy: "IMAGE_PULL_POLICY_OF_TOMORROW" },
          ],
        },
      },
    });
    expect(read.workloadId).toBe("a");
    expect(read.workload.service).toBeUndefined();
    expect(read.workload.witWorld?.components).toMatchObject([
      {
        poolSize: 2,
        maxInvocations: 100,
        imagePullPolicy: "IMAGE_PULL_POLICY_NEVER",
        imagePullSecret: { username: "" },
      },
      { maxConcurrency: -1, imagePullPolicy: "IMAGE_PULL_POLICY_ALWAYS" },
      { imagePullPolicy: "IMAGE_PULL_POLICY_UNSPECIFIED" },
    ]);
    // What is stored is the same again when it is read.
    expect(workloadSchema.parse(JSON.parse(JSON.stringify(read.workload)))).toEqual(read.workload);
  });

  test.for([
    {},
    [],
    null,
    { workloadId: "", workload: {} },
    { workloadId: "a" },
    { workloadId: "a", workload: [] },
    { workloadId: "a", workload: { annotations: { a: 1 } } },
    { workloadId: "a", workload: { witWorld: { components: [{ poolSize: 1.5 }] } } },
    { workloadId: "a", workload: { witWorld: { components: [{ poolSize: "two" }] } } },
  ])("refuses %j", (value, { expect }) => {
    expect(startRequest.safeParse(value).success).toBe(false);
  });
});

test("writeStatus() leaves out an empty message", ({ expect }) => {
  const status = { workloadId: "a", state: "WORKLOAD_STATE_RUNNING", message: "" } as const;
  expect(JSON.parse(writeStatus(status))).toEqual({
    workloadStatus: { workloadId: "a", workloadState: "WORKLOAD_STATE_RUNNING" },
  });
});

test("writeHeartbeat() writes 64-bit numbers as text and leaves out zero values", ({ expect }) => {
  const facts: HostFacts = {
    id: "gw-1",
    hostname: "10.0.0.1",
    friendlyName: "gw-1",
    version: "1.2.3",
    labels: {},
    startedAt: new Date(0),
    osArch: "aarch64",
    osName: "linux",
    osKernel: "6.6",
    systemCpuUsage: Number.NaN,
    systemMemoryTotal: 1_029_242_880,
    systemMemoryFree: 0,
    componentCount: 0,
    workloadCount: 3,
    imports: [],
    exports: [],
    httpPort: 0,
    environment: "",
  };
  expect(JSON.parse(writeHeartbeat(facts))).toEqual({
    id: "gw-1",
    hostname: "10.0.0.1",
    friendlyName: "gw-1",
    version: "1.2.3",
    startedAt: "1970-01-01T00:00:00.000Z",
    osArch: "aarch64",
    osName: "linux",
    osKernel: "6.6",
    systemMemoryTotal: "1029242880",
    workloadCount: "3",
  });
});
