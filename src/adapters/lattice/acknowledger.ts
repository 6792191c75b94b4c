import type { Lane } from "../../domain/outbox.ts";
import type { OutboxSource } from "../../host/ports.ts";

/** Passes acknowledgements on to the source: one call at a time, the newest sequence only. */
export interface Acknowledger {
  /** Everything up to `seq` is at the hub, that one with the sequence `hubSeq`. */
  acknowledge(seq: number, hubSeq: number | undefined): void;
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
  let wanted: { readonly seq: number; readonly hubSeq: number | undefined } = { seq: acknowledged, hubSeq: undefined };
  let done = acknowledged;
  let failure: { readonly error: unknown } | undefined;
  let running: Promise<void> | undefined;

  async function run(): Promise<void> {
    try {
      while (done < wanted.seq) {
        const { seq, hubSeq } = wanted;
        await source.acknowledge(lane, seq, hubSeq);
        done = seq;
      }
    } catch (error) {
      failure = { error };
      onFailure();
    } finally {
      running = undefined;
    }
  }

  return {
    acknowledge: (seq, hubSeq) => {
      if (seq > wanted.seq) wanted = { seq, hubSeq };
      if (failure === undefined && done < wanted.seq) running ??= run();
    },
    settled: async () => {
      await running;
      if (failure !== undefined) throw failure.error;
    },
    failure: () => failure,
  };
}
