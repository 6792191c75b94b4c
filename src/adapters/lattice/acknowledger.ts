import type { Lane } from "../../domain/outbox.ts";
import type { OutboxSource } from "../../host/ports.ts";

/** Passes acknowledgements on to the source: one call at a time, the newest sequence only. */
export interface Acknowledger {
  /** Everything up to `seq` is at the hub. */
  acknowledge(seq: number): void;
  /** Resolves when nothing is on its way; rejects with what the source failed with. */
  settled(): Promise<void>;
  /** The source's failure, once there is one. */
  failure(): { readonly error: unknown } | undefined;
}

export interface AcknowledgerDeps {
  readonly source: OutboxSource;
  readonly lane: Lane;
  /** What the source knows already. */
  readonly acknowledged: number;
  readonly onFailure: () => void;
}

export function createAcknowledger({ source, lane, acknowledged, onFailure }: AcknowledgerDeps): Acknowledger {
  let wanted = acknowledged;
  let done = acknowledged;
  let failure: { readonly error: unknown } | undefined;
  let running: Promise<void> | undefined;

  async function run(): Promise<void> {
    try {
      while (done < wanted) {
        const next = wanted;
        await source.acknowledge(lane, next);
        done = next;
      }
    } catch (error) {
      failure = { error };
      onFailure();
    } finally {
      running = undefined;
    }
  }

  return {
    acknowledge: (seq) => {
      wanted = Math.max(wanted, seq);
      if (failure === undefined && done < wanted) running ??= run();
    },
    settled: async () => {
      await running;
      if (failure !== undefined) throw failure.error;
    },
    failure: () => failure,
  };
}
