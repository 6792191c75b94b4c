import type { ControlHandlers } from "../adapters/control/server.ts";
import type { PublishParams } from "../adapters/control/protocol.ts";
import type { HubLinkState } from "../domain/hub-link.ts";
import { isPetioleError, PetioleError } from "../domain/errors.ts";
import type { LedgerEntry, OutboxMessage, OutboxStats } from "../domain/outbox.ts";
import type { StoreCondition } from "../domain/outbox-report.ts";
import { millis, type Bytes } from "../domain/units.ts";
import { createExportRecords, type ExportRecords } from "../host/export-record.ts";
import { exportOutbox } from "../host/outbox-export.ts";
import { importOutbox } from "../host/outbox-import.ts";
import type { ForwarderControl, OutboxSource, OutboxTransfer, StateStore } from "../host/ports.ts";
import type { Clock } from "../lib/clock.ts";
import { createExclusive } from "../lib/exclusive.ts";
import type { Logger } from "../lib/log.ts";
import { headerProblem } from "../lib/message-headers.ts";
import { isSubject } from "../lib/subject.ts";
import { drainOutbox } from "./drain.ts";
import { createForwarderHold } from "./forwarder-hold.ts";
import type { OutboxMeters } from "./outbox-meters.ts";

/** What the outbox remembers over restarts, besides its rows. */
export interface OutboxMemory {
  readonly records: ExportRecords;
  /** An operator has paused forwarding. */
  readonly paused: boolean;
}

const PAUSED = "outbox-paused";
/** Whom quotas count messages for that came over the control socket. */
const CONTROL_OWNER = "control";
const LEDGER_LIMIT = 1000;

/** Finds out what became of an export that was broken off, and whether forwarding is to begin paused. */
export async function recallOutbox(state: StateStore, log: Logger): Promise<OutboxMemory> {
  const records = createExportRecords(state);
  try {
    await settleExport(records, log);
  } catch (err) {
    // An agent starts on a full disk as well. The next export finds out again.
    if (!isPetioleError(err, "ERR_STORE_FAILED")) throw err;
    log.error("What became of an export cannot be written down", { err });
  }
  const paused = (await state.load(PAUSED)) !== undefined;
  if (paused) log.warn("Forwarding is paused, as an operator told it before this start");
  return { records, paused };
}

async function settleExport(records: ExportRecords, log: Logger): Promise<void> {
  const found = await records.settle();
  const current = await records.current();
  if (found !== "handed-over" || current === undefined) return;
  const { file, totals } = current;
  log.warn("An export was broken off when its messages had been handed over; export to the same file to finish it", {
    file,
    rows: totals.rows,
  });
}

export interface OutboxControlDeps {
  readonly device: string;
  readonly bootId: string;
  readonly source: OutboxSource;
  readonly state: StateStore;
  readonly flush: () => Promise<void>;
  /** Undefined where the store cannot do it. */
  readonly transfer: OutboxTransfer | undefined;
  readonly forwarder: ForwarderControl;
  readonly hub: () => HubLinkState;
  readonly meters: OutboxMeters;
  readonly condition: (stats: OutboxStats) => StoreCondition;
  readonly maxMessage: Bytes;
  readonly memory: OutboxMemory;
  readonly clock: Clock;
  readonly log: Logger;
}

type OutboxOperation = Extract<keyof ControlHandlers, "outbox" | `outbox-${string}`>;

/** Answers what operators and programs ask about the outbox. Disposing it ends what they wait for. */
export interface OutboxControl extends AsyncDisposable {
  readonly handlers: Pick<ControlHandlers, OutboxOperation>;
}

/** With `memory.paused`, forwarding is paused from this call on. */
export function createOutboxControl(deps: OutboxControlDeps): OutboxControl {
  const { source, state, flush, forwarder, meters, memory, clock, log } = deps;
  const { outbox } = meters;
  const stats = (): Promise<OutboxStats> => outbox.stats();
  const hold = createForwarderHold(forwarder);
  // One after another: pausing and resuming must not overtake each other, and a transfer has the outbox to itself.
  const pauses = createExclusive();
  const transfers = createExclusive();
  const stop = new AbortController();
  const running = new Set<Promise<unknown>>();
  let paused: Promise<Disposable> | undefined = memory.paused ? hold.take() : undefined;
  paused?.catch((err: unknown) => log.error("Forwarding cannot be paused", { err }));

  /** Ends with the control, and disposal waits for it. */
  const tracked = async <T>(signal: AbortSignal, action: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    const result = action(AbortSignal.any([signal, stop.signal]));
    running.add(result);
    try {
      return await result;
    } finally {
      running.delete(result);
    }
  };
  const transfer = (what: string): OutboxTransfer => {
    if (deps.transfer !== undefined) return deps.transfer;
    throw new PetioleError("ERR_STORE_FAILED", `Cannot ${what}: this store does not hand messages over`);
  };

  return {
    handlers: {
      outbox: async () => {
        const found = await stats();
        return {
          stats: found,
          hub: deps.hub(),
          forwarder: forwarder.state(),
          paused: paused !== undefined,
          rates: meters.rates(),
          store: deps.condition(found),
        };
      },
      "outbox-ledger": async ({ lane, since = 0, limit = LEDGER_LIMIT }) =>
        (await outbox.ledger())
          .filter((entry: LedgerEntry) => entry.id > since && (lane === undefined || entry.lane === lane))
          .sort((a, b) => a.id - b.id)
          .slice(0, limit),
      "outbox-publish": async (params) => await outbox.publish(messageOf(params)),
      "outbox-pause": async () =>
        await pauses.run(async () => {
          await state.save(PAUSED, "by an operator");
          if (paused === undefined) log.warn("Forwarding is paused by an operator");
          paused ??= hold.take();
          await paused;
          return { paused: true };
        }),
      "outbox-resume": async () =>
        await pauses.run(async () => {
          await state.save(PAUSED, undefined);
          const held = await paused?.catch(() => undefined);
          paused = undefined;
          held?.[Symbol.dispose]();
          log.info("Forwarding is not paused");
          return { paused: false };
        }),
      "outbox-drain": async (params, { report, signal }) =>
        await tracked(signal, async (ending) => {
          const { accepted } = meters;
          const isPaused = (): boolean => paused !== undefined;
          const drain = { source, stats, flush, forwarder, accepted, paused: isPaused, clock };
          return await drainOutbox(drain, params, report, ending);
        }),
      "outbox-export": async (params, { report, signal }) =>
        await tracked(signal, async (ending) =>
          transfers.run(async () => {
            const { device, bootId } = deps;
            const own = { source, transfer: transfer("export"), records: memory.records, flush, stats, clock };
            const done = await exportOutbox({ ...own, hold: hold.take, device, bootId }, params, report, ending);
            if (!done.dryRun) log.warn("Messages were exported", { file: done.file, rows: done.rows, id: done.id });
            return done;
          }),
        ),
      "outbox-import": async (params, { report, signal }) =>
        await tracked(signal, async (ending) =>
          transfers.run(async () => {
            const own = { source, transfer: transfer("import"), records: memory.records, maxMessage: deps.maxMessage };
            const done = await importOutbox(own, params, report, ending);
            if (!done.dryRun)
              log.info("Messages were imported", { from: done.device, rows: done.imported, id: done.id });
            return done;
          }),
        ),
    },
    async [Symbol.asyncDispose]() {
      stop.abort(new Error("the agent is stopping"));
      await Promise.allSettled(running);
    },
  };
}

/** @throws PetioleError ERR_LATTICE_MESSAGE for what no hub would take */
function messageOf({ lane, subject, headers = {}, body, ttl }: PublishParams): OutboxMessage {
  if (!isSubject(subject)) {
    throw new PetioleError(
      "ERR_LATTICE_MESSAGE",
      `Cannot publish to "${subject}": want tokens joined by ".", without spaces or wildcards`,
    );
  }
  for (const [name, value] of Object.entries(headers)) {
    const problem = headerProblem(name, value);
    if (problem === undefined) continue;
    throw new PetioleError("ERR_LATTICE_MESSAGE", `Cannot publish with the header "${name}": ${problem}`);
  }
  const content = Buffer.from(body, "base64");
  return { lane, subject, headers, body: content, owner: CONTROL_OWNER, ttl: ttl === undefined ? ttl : millis(ttl) };
}
