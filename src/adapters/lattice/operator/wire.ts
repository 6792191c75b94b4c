// The messages of package wasmcloud.runtime.v2, as they travel: JSON, in both directions.

import { z } from "zod";
import { enumeration, flag, integer, message, text, textMap, texts, writeFields, writeUint64 } from "./proto-json.ts";

const imagePullSecret = message({ username: text, password: text }).optional();

const PULL_POLICIES = [
  "IMAGE_PULL_POLICY_UNSPECIFIED",
  "IMAGE_PULL_POLICY_ALWAYS",
  "IMAGE_PULL_POLICY_IF_NOT_PRESENT",
  "IMAGE_PULL_POLICY_NEVER",
] as const;

const localResources = message({
  memoryLimitMb: integer,
  cpuLimit: integer,
  config: textMap,
  environment: textMap,
  volumeMounts: z.array(message({ name: text, mountPath: text, readOnly: flag })).default([]),
  allowedHosts: texts,
  allowedIpNameLookups: texts,
  allowedHostLoopbackPorts: texts,
}).optional();

const component = message({
  image: text,
  localResources,
  poolSize: integer,
  maxInvocations: integer,
  imagePullSecret,
  name: text,
  imagePullPolicy: enumeration(PULL_POLICIES),
  maxConcurrency: integer,
});

const witInterface = message({
  namespace: text,
  package: text,
  version: text,
  interfaces: texts,
  config: textMap,
  name: text,
});

const volume = message({
  name: text,
  /** One of the two, or neither, which is an empty folder too. */
  hostPath: message({ localPath: text }).optional(),
  emptyDir: message({}).optional(),
});

const workload = message({
  namespace: text,
  name: text,
  annotations: textMap,
  service: message({ image: text, localResources, imagePullSecret }).optional(),
  witWorld: message({
    components: z.array(component).default([]),
    hostInterfaces: z.array(witInterface).default([]),
  }).optional(),
  volumes: z.array(volume).default([]),
});

export const startRequest = message({ workloadId: z.string().min(1).max(512), workload });
export const idRequest = message({ workloadId: text });

/** What is kept of a start request, which is the same again when it is read. */
export const workloadSchema = workload;

export type Workload = z.output<typeof workload>;
export type WireComponent = z.output<typeof component>;
export type WitInterface = z.output<typeof witInterface>;
export type LocalResources = NonNullable<z.output<typeof localResources>>;
export type PullPolicyName = (typeof PULL_POLICIES)[number];

export type WorkloadState =
  | "WORKLOAD_STATE_STARTING"
  | "WORKLOAD_STATE_RUNNING"
  | "WORKLOAD_STATE_STOPPING"
  | "WORKLOAD_STATE_ERROR"
  | "WORKLOAD_STATE_NOT_FOUND";

export interface WorkloadStatus {
  /** As in the request, always: the operator starts a workload again whose reply names none. */
  readonly workloadId: string;
  readonly state: WorkloadState;
  readonly message: string;
}

/** Characters: a request may have a megabyte of what is wrong. */
export const MOST_MESSAGE = 8000;

/** The reply to a start, a status and a stop. */
export const writeStatus = ({ workloadId, state, message }: WorkloadStatus): string =>
  JSON.stringify({
    workloadStatus: writeFields({ workloadId, workloadState: state, message: message.slice(0, MOST_MESSAGE) }),
  });

export interface HostFacts {
  readonly id: string;
  /** Where peers reach it. */
  readonly hostname: string;
  readonly friendlyName: string;
  readonly version: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly startedAt: Date;
  readonly osArch: string;
  readonly osName: string;
  readonly osKernel: string;
  /** Percent. */
  readonly systemCpuUsage: number;
  /** Bytes. */
  readonly systemMemoryTotal: number;
  readonly systemMemoryFree: number;
  /** Of workloads that run. */
  readonly componentCount: number;
  readonly workloadCount: number;
  readonly imports: readonly OfferedInterface[];
  readonly exports: readonly OfferedInterface[];
  readonly httpPort: number;
  readonly environment: string;
}

export interface OfferedInterface {
  readonly namespace: string;
  readonly package: string;
  readonly version: string;
  readonly interfaces: readonly string[];
}

export function writeHeartbeat(facts: HostFacts): string {
  const { startedAt, systemCpuUsage, systemMemoryTotal, systemMemoryFree, componentCount, workloadCount } = facts;
  const { imports, exports, labels, ...rest } = facts;
  return JSON.stringify(
    writeFields({
      ...rest,
      labels: Object.keys(labels).length === 0 ? undefined : labels,
      startedAt: startedAt.toISOString(),
      systemCpuUsage: Number.isFinite(systemCpuUsage) ? systemCpuUsage : undefined,
      systemMemoryTotal: writeUint64(systemMemoryTotal),
      systemMemoryFree: writeUint64(systemMemoryFree),
      componentCount: writeUint64(componentCount),
      workloadCount: writeUint64(workloadCount),
      imports: imports.map((one) => writeFields({ ...one })),
      exports: exports.map((one) => writeFields({ ...one })),
    }),
  );
}
