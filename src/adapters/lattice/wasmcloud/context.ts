import type { WantedState } from "../../../domain/workload.ts";
import type { HostStatus } from "../../../host/host.ts";
import type { Logger } from "../../../lib/log.ts";
import type { HostEvent } from "./events.ts";
import type { NamedLookup } from "./named-config.ts";
import type { SharedBucket } from "./shared-bucket.ts";
import type { ProviderVerb } from "./subjects.ts";
import type { Wanted } from "./wanted.ts";
import type { Reply } from "./wire.ts";

/** What the commands of a lattice work on. */
export interface HostContext {
  readonly hostId: string;
  readonly log: Logger;
  readonly data: SharedBucket;
  readonly config: SharedBucket;
  /** Named configurations and secrets, as far as they are known. */
  readonly lookup: NamedLookup;
  wanted(): Wanted;
  /** Changes what is wanted at once; `commit` stores it and makes it so. */
  want(change: (wanted: Wanted) => Wanted): void;
  /** Resolves when everything that is wanted had its first try. */
  commit(): Promise<void>;
  /** Stores what is wanted when it changes nothing of what runs. */
  save(): Promise<void>;
  /** Resolves when what was changed in the buckets is in the store. */
  kept(): Promise<void>;
  publish(event: HostEvent): void;
  labels(): Readonly<Record<string, string>>;
  /** What the device itself wants. */
  below(): WantedState;
  running(): HostStatus;
  /** Why a component cannot be had from this reference; undefined when it can. */
  componentProblem(reference: string): string | undefined;
  /** Why no provider can be had from this reference; undefined when one can. */
  providerProblem(reference: string): string | undefined;
  /** Says something to the processes of a provider, wherever in the lattice they are. */
  tell(provider: string, verb: ProviderVerb, message: unknown): void;
  /**
   * An item whose start failed and is tried again by itself: it is reported when it runs. One that is being fetched is also
   * reported when that fails.
   */
  awaitLater(kind: "component" | "provider", id: string, because?: "fetching"): void;
}

/** What comes of a command. */
export interface Outcome {
  /** Undefined: no answer at all. */
  readonly reply: Reply | undefined;
  /** What goes on once the answer was sent. */
  readonly after?: () => Promise<void>;
}

export type Verb = (body: Uint8Array, rest: readonly string[]) => Outcome | Promise<Outcome>;
