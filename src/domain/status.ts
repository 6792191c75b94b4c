// What `petiole status` shows; also the answer of the control socket, as JSON.

import type { HubLinkState } from "./hub-link.ts";
import type { OutboxStats } from "./outbox.ts";
import type { ComponentId, Digest, LinkSpec, ProviderId } from "./workload.ts";

export type RunState = "starting" | "running" | "failed" | "stopped";

export interface ComponentStatus {
  readonly id: ComponentId;
  readonly state: RunState;
  readonly digest: Digest | undefined;
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
  readonly lastError: StatusError | undefined;
}

export interface StatusError {
  readonly code: string;
  readonly message: string;
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
  readonly hub: HubLinkState;
  readonly outbox: OutboxStats;
  readonly components: readonly ComponentStatus[];
  readonly providers: readonly ProviderStatus[];
  readonly links: readonly Pick<LinkSpec, "name" | "source" | "target" | "interfaces">[];
}
