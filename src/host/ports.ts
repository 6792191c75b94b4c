// What the host needs from adapters, beyond what it lends to providers (src/provider/services.ts).

import type { HubLinkState } from "../domain/hub-link.ts";
import type { Lane, OutboxRow } from "../domain/outbox.ts";
import type { Bytes } from "../domain/units.ts";

/** The reading end of the outbox, for the forwarder. */
export interface OutboxSource {
  /**
   * Random identity of this store, made with it. A new store on the same device counts its sequences from the start
   * again; the identity tells them from the old ones.
   */
  readonly storeId: string;
  /** Rows of `lane` on disk with a sequence above `after`, oldest first, at most `rows` and about `bytes`. */
  read(
    lane: Lane,
    after: number,
    limit: { readonly rows: number; readonly bytes: Bytes },
  ): Promise<readonly OutboxRow[]>;
  /** The hub holds every row of `lane` up to and including `seq`; they may be deleted. Durable with the next commit. */
  acknowledge(lane: Lane, seq: number): Promise<void>;
  /** The hub will never take this row: it is deleted and written down in the ledger. */
  refuse(lane: Lane, seq: number): Promise<void>;
  /** Highest acknowledged sequence of `lane`, 0 when there is none. */
  acknowledged(lane: Lane): Promise<number>;
  /** Calls `listener` whenever rows of a lane became readable. */
  onReadable(listener: (lane: Lane) => void): Disposable;
}

/** Watches the link to the hub. */
export interface HubMonitor {
  state(): HubLinkState;
  onChange(listener: (state: HubLinkState) => void): Disposable;
}
