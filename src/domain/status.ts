// What `petiole status` shows; also the answer of the control socket, as JSON.

import type { ClockStatus } from "./clock.ts";
import type { HubLinkState } from "./hub-link.ts";
import type { InboxStats } from "./inbox.ts";
import type { OutboxStats } from "./outbox.ts";
import type { ComponentTrust } from "./trust.ts";
import type { Millis } from "./units.ts";
import type { ComponentId, Digest, LinkSpec, ProviderId } from "./workload.ts";

export type RunState = "fetching" | "starting" | "running" | "failed" | "stopped";

/** The image that a component is wanted from. */
export interface ImageStatus {
  readonly reference: string;
  /** Of its manifest or index, as it was resolved; undefined while it is not on the device. */
  readonly digest: Digest | undefined;
  /** What is done about it now; with `resolving` its source is asked what the reference stands for. */
  readonly fetching: "resolving" | { readonly bytes: number; readonly total: number } | undefined;
}

/** A version that a component was given, and what came of it. */
export interface UpdateStatus {
  /**
   * `starting`: it is started beside the one that runs. `trial`: it runs, and may have to make way again. `refused`: it
   * never ran. `rolled-back`: it ran, and made way for the one before.
   */
  readonly state: "starting" | "trial" | "refused" | "rolled-back";
  /** The version that is kept, or that runs again. */
  readonly from: Digest | undefined;
  /** The version that is wanted; undefined while its bytes were not read. */
  readonly to: Digest | undefined;
  /** Seconds that are left of the trial. */
  readonly left: number | undefined;
  readonly reason: StatusError | undefined;
}

/** A version that failed on this device. It is not tried again. */
export interface BadVersion {
  readonly digest: Digest;
  readonly code: string;
  readonly message: string;
  /** Unix time in milliseconds, as the device knew it. */
  readonly at: number;
}

/** What `petiole update status` shows of a component. */
export interface UpdateReport {
  readonly component: ComponentId;
  /** What runs now. */
  readonly running: Digest | undefined;
  /** What it goes back to after a power cut too; undefined before anything worked. */
  readonly accepted: Digest | undefined;
  readonly update: UpdateStatus | undefined;
  readonly bad: readonly BadVersion[];
}

export interface ComponentStatus {
  readonly id: ComponentId;
  readonly state: RunState;
  /** Of its bytes. */
  readonly digest: Digest | undefined;
  /** Nothing when no policy is in force, and while it does not run. */
  readonly trust: ComponentTrust | undefined;
  /** Undefined for a component that is a file of the device. */
  readonly image: ImageStatus | undefined;
  /** Undefined unless other bytes were wanted while it ran, and that has not come to a good end. */
  readonly update?: UpdateStatus | undefined;
  readonly calls: number;
  readonly failures: number;
  /** Times the instance or its worker was replaced after a trap or a missed deadline. */
  readonly restarts: number;
  /** It failed again and again: new instances wait longer and longer. */
  readonly degraded: boolean;
  readonly instances: number;
  /** Linear memory of its instances, in bytes. */
  readonly memory: number;
  /** Address space reserved for its instances, in bytes. */
  readonly reserved: number;
  /** Milliseconds that its code computed. */
  readonly cpuTime: number;
  /** How often each limit was reached. */
  readonly breaches: Readonly<Record<string, number>>;
  readonly lastError: StatusError | undefined;
}

export interface ProviderStatus {
  readonly id: ProviderId;
  readonly type: string;
  readonly state: RunState;
  /** Undefined for one that is a part of petiole, and while it does not run. */
  readonly report?: ProviderReport | undefined;
  /** Of one that stores messages before it hands them to components. */
  readonly inbox?: InboxStats | undefined;
  /** The image that it is wanted from. */
  readonly image?: ImageStatus | undefined;
  readonly lastError: StatusError | undefined;
}

/** What a provider that is a process of its own tells of itself. */
export interface ProviderReport {
  /** Undefined until it has said so. */
  readonly healthy: boolean | undefined;
  readonly pid: number | undefined;
  /** Times that its process was started again. */
  readonly restarts: number;
  /** Of its archive or executable. */
  readonly digest: Digest;
  /** Nothing when no policy is in force. */
  readonly trust: ComponentTrust | undefined;
  /** As its claims have them. */
  readonly name: string | undefined;
  readonly revision: number | undefined;
  readonly lastError: StatusError | undefined;
}

/** `waiting`: an end of it does not run. */
export type LinkState = "bound" | "waiting" | "failed";

export interface LinkStatus extends Pick<LinkSpec, "name" | "source" | "target" | "interfaces"> {
  readonly state: LinkState;
  readonly lastError: StatusError | undefined;
}

export interface StatusError {
  readonly code: string;
  readonly message: string;
}

/** The way from the hub's stream into the inbox. */
export interface InboundStatus {
  /** `off`: no hub is configured, or no component waits for messages. `full`: the inbox has no room. */
  readonly state: "off" | "connecting" | "receiving" | "full";
  readonly stream: string | undefined;
  readonly lastError: StatusError | undefined;
}

/** Where what should run comes from. */
export interface DesiredStatus {
  /** Path of the configuration file; its components, providers and links come first. */
  readonly file: string;
  /** The hub's document for this device, as it is applied now. Its items take the place of those of the file. */
  readonly document: DocumentStatus | undefined;
  /** The newest document when it could not be used. What ran before goes on. */
  readonly refused: (StatusError & { readonly revision: number }) | undefined;
  /** `off`: the configuration does not ask for documents. `connecting`: the hub cannot be asked now. */
  readonly hub: "off" | "connecting" | "watching";
  /** Why it cannot be asked. */
  readonly lastError: StatusError | undefined;
}

export interface DocumentStatus {
  /** Revision of the key in the bucket. */
  readonly revision: number;
  readonly components: readonly ComponentId[];
  readonly providers: readonly ProviderId[];
  readonly links: number;
}

/** The device as a host of a wasmCloud lattice. */
export interface LatticeStatus {
  readonly name: string;
  /** Public key of the host. */
  readonly host: string;
  readonly state: "connecting" | "joined";
  /** What the lattice asked this host for. */
  readonly components: readonly ComponentId[];
  readonly providers: readonly ProviderId[];
  /** `local`: links and configurations are those that this device remembers; the hub cannot be asked. */
  readonly buckets: "shared" | "local";
  readonly lastError: StatusError | undefined;
}

/** The device as a host for the runtime-operator of wasmCloud 2.x. */
export interface OperatorStatus {
  readonly host: string;
  /** Of the Host object in Kubernetes. */
  readonly name: string;
  /** `unheard`: the hub is there, and the operator has not asked anything yet. */
  readonly state: "connecting" | "unheard" | "heard";
  /** Seconds since the operator asked something. */
  readonly lastHeard: number | undefined;
  readonly workloads: readonly OperatorWorkload[];
}

export interface OperatorWorkload {
  readonly id: string;
  readonly namespace: string;
  readonly name: string;
  readonly state: "starting" | "running" | "stopping" | "error";
  /** For people: why it is in this state. */
  readonly message: string;
}

/** What the service manager and the kernel do with the agent's process. */
export interface ServiceStatus {
  /** Undefined when no service manager wants signs of life. Times in milliseconds. */
  readonly watchdog:
    | {
        readonly period: number;
        readonly fedAgo: number;
        /** The least time that was left of the period when it was fed. */
        readonly leastMargin: number;
        /** Parts of the agent that have got nothing done since it was fed. */
        readonly late: readonly string[];
      }
    | undefined;
  readonly memory: MemoryStatus;
  /** Seconds that all threads of the agent's process computed. */
  readonly cpu: number;
  /** Bytes that the agent had written to disks since it started; undefined when the kernel does not say. */
  readonly written: number | undefined;
  /** Log lines that were left out because there were too many. */
  readonly suppressed: number;
}

export interface MemoryStatus {
  /** Of the process that no file stands behind, in bytes; undefined when the kernel does not say. */
  readonly anonymous: number | undefined;
  /** `enforced`: a limit holds. `none`: nobody set one. `off`: the kernel ignores those that are set. */
  readonly limits: "enforced" | "none" | "off" | "unknown";
  /** Bytes at which the kernel ends the agent; undefined without a limit that holds. */
  readonly max: number | undefined;
  /** Bytes above which the kernel slows it down. */
  readonly high: number | undefined;
  /** Why limits are off, and what to do; for people. */
  readonly reason: string | undefined;
}

/** How a device that enrolled stands with its fleet. */
export interface EnrolmentStatus {
  readonly name: string;
  /** Public keys: of the fleet's account, and of what opens the link. */
  readonly fleet: string;
  readonly key: string;
  /** Unix times. New credentials are asked for at `renewal`. */
  readonly expires: Millis | undefined;
  readonly renewal: Millis | undefined;
  /** The credentials are new, and were not seen to open the link yet. */
  readonly trying: boolean;
  /** Why they could not be renewed. */
  readonly problem: StatusError | undefined;
}

export interface AgentStatus {
  readonly device: string;
  readonly version: string;
  readonly pid: number;
  /** `starting` until everything local had its first try. The hub makes no difference. */
  readonly state: "starting" | "running";
  /** Seconds since the agent started. */
  readonly uptime: number;
  /** Resident set size of the agent process, in bytes. */
  readonly rss: number;
  /** Undefined in what an older agent says. */
  readonly service?: ServiceStatus | undefined;
  /** What somebody should look at, and does not stop the agent. */
  readonly notices: readonly StatusError[];
  readonly hub: HubLinkState;
  /** Undefined for a device that did not enrol, or does not use it. */
  readonly enrolment?: EnrolmentStatus | undefined;
  readonly clock: ClockStatus;
  readonly outbox: OutboxStats;
  readonly inbox: InboxStats & { readonly hub: InboundStatus };
  readonly desired: DesiredStatus;
  /** Undefined when the configuration has no lattice. */
  readonly lattice?: LatticeStatus | undefined;
  /** Undefined when the configuration has no operator. */
  readonly operator?: OperatorStatus | undefined;
  readonly components: readonly ComponentStatus[];
  readonly providers: readonly ProviderStatus[];
  readonly links: readonly Pick<LinkSpec, "name" | "source" | "target" | "interfaces">[];
}
