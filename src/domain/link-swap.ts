import type { LinkState, StatusError } from "./status.ts";
import type { LinkSpec, ProviderId } from "./workload.ts";

type LinkEnds = Pick<LinkSpec, "name" | "source" | "target" | "interfaces">;

/** A link whose provider somebody at the device has swapped, and the provider that it has instead. */
export interface LinkSwap {
  /** The link as its source of desired state has it. */
  readonly of: LinkEnds;
  readonly to: ProviderId;
  /** Of the link to it. */
  readonly config: unknown;
}

/** A link as it is, for `petiole link list`. */
export interface LinkReport extends LinkEnds {
  readonly state: LinkState;
  readonly lastError: StatusError | undefined;
  /** The provider that it would have without the swap. */
  readonly insteadOf: ProviderId | undefined;
}

export interface LinksReport {
  readonly links: readonly LinkReport[];
  /** Swaps of links that nobody wants now, or to providers that nobody wants. */
  readonly idle: readonly Pick<LinkSwap, "of" | "to">[];
}

export interface LinkMove extends LinkEnds {
  /** The providers. The ends are those of the link that was. */
  readonly from: ProviderId;
  readonly to: ProviderId;
}

export interface LinkSwapReport {
  readonly dryRun: boolean;
  readonly moves: readonly LinkMove[];
}
