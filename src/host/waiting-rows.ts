import type { Lane, OutboxRow } from "../domain/outbox.ts";
import { bytes, kibibytes } from "../domain/units.ts";
import type { OutboxSource } from "./ports.ts";

type Waiting = Pick<OutboxSource, "read" | "acknowledged">;

const PAGE = { rows: 64, bytes: kibibytes(128), peek: true };

/**
 * Rows of these lanes that the hub has not acknowledged, up to the sequence `last`, in the order of their sequences over
 * all lanes. Holds one page of each lane.
 */
export async function* waitingRows(source: Waiting, lanes: readonly Lane[], last: number): AsyncGenerator<OutboxRow> {
  const readers = await Promise.all(lanes.map(async (lane) => await openLane(source, lane, last)));
  for (;;) {
    const next = readers
      .filter((reader) => reader.head !== undefined)
      .sort((a, b) => (a.head?.seq ?? 0) - (b.head?.seq ?? 0))[0];
    if (next?.head === undefined) return;
    yield next.head;
    await next.advance();
  }
}

/** Whether a row of `lane` up to the sequence `last` waits still. */
export async function anyWaits(source: Waiting, lane: Lane, last: number): Promise<boolean> {
  const acknowledged = await acknowledgedSeq(source, lane);
  if (acknowledged >= last) return false;
  const [first] = await source.read(lane, acknowledged, { rows: 1, bytes: bytes(1), peek: true });
  return first !== undefined && first.seq <= last;
}

async function acknowledgedSeq(source: Waiting, lane: Lane): Promise<number> {
  return (await source.acknowledged(lane)).seq;
}

interface LaneReader {
  readonly head: OutboxRow | undefined;
  advance(): Promise<void>;
}

async function openLane(source: Waiting, lane: Lane, last: number): Promise<LaneReader> {
  let page: readonly OutboxRow[] = [];
  let at = 0;
  let after = await acknowledgedSeq(source, lane);
  const turn = async (): Promise<void> => {
    page = await source.read(lane, after, PAGE);
    at = 0;
    after = page.at(-1)?.seq ?? after;
  };
  await turn();
  return {
    get head() {
      const row = page[at];
      return row !== undefined && row.seq <= last ? row : undefined;
    },
    advance: async () => {
      at += 1;
      if (at >= page.length) await turn();
    },
  };
}
