import type { Lane, OutboxRow } from "../../domain/outbox.ts";
import { PetioleError } from "../../domain/errors.ts";
import { bytes, millis, type Bytes, type Millis } from "../../domain/units.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import type { OutboxSource } from "../../host/ports.ts";
import { createAcknowledger, type Acknowledger } from "./acknowledger.ts";
import type { DrainPace } from "./drain-pace.ts";
import type { MutableLaneState } from "./forwarder-state.ts";
import { createGate } from "./gate.ts";
import { askingUntilAborted, type HubExpectation, type HubStream } from "./hub-stream.ts";
import { createLaneResume } from "./lane-resume.ts";
import { createLaneWindow, type LaneWindow, type Outcome, type WindowLimit } from "./lane-window.ts";
import { prepareRow, type PreparedRow } from "./prepare-row.ts";
import { outcomeOfError } from "./publish-outcome.ts";
import { createSizeSuspicion } from "./size-suspicion.ts";
import { laneFilter } from "./subjects.ts";

export interface RefusedRow {
  readonly lane: Lane;
  readonly seq: number;
  readonly bytes: Bytes;
  /** For the ledger and for people. */
  readonly reason: string;
}

/**
 * Takes a row that the hub will never take. When it resolves, the row must be written down as lost and must not be
 * read again. It is called only when the hub holds every row before it.
 */
export type RefuseRow = (row: RefusedRow) => Promise<void>;

export interface LaneForwarderDeps {
  readonly lane: Lane;
  readonly device: string;
  readonly source: OutboxSource;
  readonly refuse: RefuseRow;
  readonly limit: WindowLimit;
  readonly pace: DrainPace;
  /** Nothing more is to be sent for now. */
  readonly isPaused: () => boolean;
  /** Told whenever nothing is in flight. */
  readonly onIdle: () => void;
  /** Largest message, headers included, that the hub is configured to take; its connection's limit holds as well. */
  readonly maxPayload: Bytes | undefined;
  /** How long the hub may acknowledge nothing while messages are in flight. */
  readonly ackTimeout: Millis;
  readonly clock: Clock;
  readonly log: Logger;
  /** Kept up to date for the status. */
  readonly state: MutableLaneState;
}

/** One lane's way to the hub. */
export interface LaneForwarder {
  /**
   * Asks the hub what it holds and forwards from there, until something fails or `signal` aborts; never resolves. May
   * be called again after it rejected, never twice at a time. `onProgress` is called when the hub stored something.
   */
  run(stream: HubStream, signal: AbortSignal, onProgress: () => void): Promise<never>;
  /** Rows of the lane became readable, or it was paused or may go on. */
  wake(): void;
}

/** What belongs to one run. */
interface Session {
  readonly hub: HubStream;
  acks: Acknowledger;
  readonly onProgress: () => void;
  window: LaneWindow;
  /** Everything up to this sequence has been sent. */
  sent: number;
  /** Rows that were read and not sent yet, and those that are being read behind them. */
  ahead: OutboxRow[];
  reading: Promise<readonly OutboxRow[]> | undefined;
  /** Newest hub sequence of each subject, as far as this run saw it. */
  readonly subjectSeqs: Map<string, number>;
  failure: { readonly error: unknown } | undefined;
  /** When the hub last answered, or when it began to owe an answer. */
  lastAnswer: Millis;
  progressed: boolean;
  /** Questions to the hub since it last stored something. */
  fruitless: number;
  /** There is more to send, which has to wait for its turn. */
  held: boolean;
  /** It was paused since rows were read last. */
  paused: boolean;
  /** Answers that arrive after the run ended are not looked at: the next run asks the hub. */
  over: boolean;
}

const SUBJECTS_REMEMBERED = 256;
/** Rows that are read at once, however slowly they may be sent. */
const LEAST_READ = 16;
/** More in a row, without anything stored, means that something else writes to the lane. */
const RESUMES_IN_A_ROW = 3;

export function createLaneForwarder(deps: LaneForwarderDeps): LaneForwarder {
  const { lane, device, source, state, log, clock, limit, pace } = deps;
  const filter = laneFilter(device, lane);
  const gate = createGate(clock);
  const suspicion = createSizeSuspicion();
  const resumer = createLaneResume({
    lane,
    device,
    source,
    log,
    onBehind: () => {
      state.hubBehind += 1;
    },
  });
  let windowSize = limit.rows;

  async function run(stream: HubStream, signal: AbortSignal, onProgress: () => void): Promise<never> {
    const hub = askingUntilAborted(stream, signal);
    state.phase = "resuming";
    try {
      const start = await resumer.resume(hub);
      const session: Session = {
        hub,
        acks: acknowledgerFrom(start.after),
        onProgress,
        window: createLaneWindow({ limit, size: windowSize, laneSeq: start.laneSeq }),
        sent: start.after,
        ahead: [],
        reading: undefined,
        subjectSeqs: new Map(),
        failure: undefined,
        lastAnswer: clock.monotonic(),
        progressed: false,
        fruitless: 0,
        held: false,
        paused: false,
        over: false,
      };
      state.phase = "forwarding";
      try {
        return await forward(session, signal);
      } finally {
        await end(session);
      }
    } finally {
      state.phase = "waiting";
    }
  }

  function acknowledgerFrom(acknowledged: number): Acknowledger {
    return createAcknowledger({ source, lane, acknowledged, onFailure: gate.open });
  }

  async function forward(session: Session, signal: AbortSignal): Promise<never> {
    for (;;) {
      signal.throwIfAborted();
      const failure = session.failure ?? session.acks.failure();
      if (failure !== undefined) throw failure.error;
      await follow(session);
      const sent = await sendMore(session);
      state.inFlight = session.window.inFlight();
      state.window = session.window.size();
      if (state.inFlight === 0) {
        deps.onIdle();
        // The hub answers, and there is nothing that could fail again.
        if (session.ahead.length === 0) state.lastError = undefined;
      }
      if (sent === 0) await rest(session, signal);
    }
  }

  /** Does what the answers so far call for. */
  async function follow(session: Session): Promise<void> {
    const step = session.window.step();
    switch (step.kind) {
      case "continue":
      case "settling":
        return;
      case "rewind":
        goBack(session, step.after);
        return;
      case "refuse":
        await refuse(session, { seq: step.seq, size: step.bytes, reason: step.reason });
        // What was in flight behind it was not stored either.
        goBack(session, step.seq);
        return;
      case "resume": {
        session.fruitless += 1;
        if (session.fruitless > RESUMES_IN_A_ROW) {
          throw new PetioleError(
            "ERR_LATTICE_STREAM",
            `Cannot forward the lane "${lane}": the hub's stream changes under it; does another device use this name?`,
          );
        }
        await session.acks.settled();
        const point = await resumer.resume(session.hub);
        // What the hub forgot is acknowledged a second time.
        session.acks = acknowledgerFrom(point.after);
        session.window = createLaneWindow({ limit, size: session.window.size(), laneSeq: point.laneSeq });
        session.subjectSeqs.clear();
        goBack(session, point.after);
      }
    }
  }

  function goBack(session: Session, after: number): void {
    session.sent = after;
    session.ahead = [];
    session.reading = undefined;
  }

  /** Reads and sends as much as the window takes; returns how many rows it was. */
  async function sendMore(session: Session): Promise<number> {
    const { window } = session;
    session.held = false;
    if (deps.isPaused()) session.paused = true;
    else if (session.paused) await goOn(session);
    const room = deps.isPaused() ? undefined : window.room();
    if (room === undefined) return 0;
    if (session.ahead.length === 0) await readAhead(session);
    if (session.ahead.length === 0) pace.caughtUp(lane);
    let count = 0;
    let bytes = 0;
    for (const row of session.ahead) {
      // Reading, or the row before, may have taken long enough for that.
      if (deps.isPaused()) break;
      if (count >= room.rows || (count > 0 && bytes >= room.bytes)) break;
      if (!pace.take(lane, { age: ageOf(row), bytes: row.body.length })) {
        session.held = true;
        break;
      }
      // Rows of one burst go out without a pause, so that the other lane's do not come between them.
      const sent = sendRow(session, row);
      if (!(typeof sent === "boolean" ? sent : await sent)) break;
      session.sent = row.seq;
      count += 1;
      bytes += row.body.length;
    }
    session.ahead.splice(0, count);
    const last = session.ahead.at(-1);
    // The next ones are read while these are on their way.
    if (count > 0) session.reading ??= readBehind(session, last?.seq ?? session.sent);
    return count;
  }

  /** While it was paused, rows may have been handed over in a file: what was read before may be among them. */
  async function goOn(session: Session): Promise<void> {
    const { seq } = await source.acknowledged(lane);
    goBack(session, Math.max(session.sent, seq));
    session.paused = false;
  }

  async function readAhead(session: Session): Promise<void> {
    const early = session.reading;
    const reading = early ?? readBehind(session, session.sent);
    session.reading = reading;
    session.ahead = [...(await reading)];
    if (session.reading === reading) session.reading = undefined;
    // Read while the last ones were on their way, and rows may have come since: nobody would call for them again.
    if (early !== undefined && session.ahead.length === 0) await readAhead(session);
  }

  /** The rows that come next, if they are ever needed: whoever awaits them hears of a failure. */
  function readBehind(session: Session, after: number): Promise<readonly OutboxRow[]> {
    const rows = Math.min(limit.rows, Math.max(LEAST_READ, pace.room(lane)));
    const reading = source.read(lane, after, { rows, bytes: limit.bytes });
    reading.catch((error: unknown) => {
      session.failure ??= { error };
    });
    return reading;
  }

  /** Undefined for a row of an earlier boot: it is old enough. */
  function ageOf(row: OutboxRow): Millis | undefined {
    if (row.bootId !== source.bootId) return undefined;
    return millis(clock.boottime() - row.monotonic);
  }

  /** False when the row must wait until everything before it has landed. */
  function sendRow(session: Session, row: OutboxRow): boolean | Promise<boolean> {
    const { hub, window } = session;
    const maxPayload = Math.min(hub.maxPayload, deps.maxPayload ?? Infinity);
    const prepared = prepareRow(row, { device, storeId: source.storeId, limit: maxPayload });
    const alone = window.inFlight() === 0;
    if (prepared instanceof PetioleError) {
      return alone && refuse(session, { seq: row.seq, size: row.body.length, reason: prepared.message });
    }
    if (suspicion.suspects(row.seq)) return alone && sendSuspect(session, prepared);
    return send(session, prepared);
  }

  function send(session: Session, prepared: PreparedRow): boolean | Promise<boolean> {
    const { hub, window } = session;
    if (window.inFlight() === 0) session.lastAnswer = clock.monotonic();
    const { row, messageId, bytes: size } = prepared;
    const expectation = window.push({ seq: row.seq, messageId, bytes: size });
    state.inFlight = window.inFlight();
    if (expectation.kind === "chain") {
      publish(session, prepared, { lastMsgID: expectation.messageId });
      return true;
    }
    const { laneSeq } = expectation;
    if (!hub.checksWholeLane) return sendSubjectAnchor(session, prepared, laneSeq);
    publish(session, prepared, { lastSubjectSequence: laneSeq, lastSubjectSequenceSubject: filter });
    return true;
  }

  /**
   * For a hub that checks one subject only. Nothing else of the lane is in flight, so the newest message of this very
   * subject stands for the lane. It must not be newer than the lane was: then a message of an earlier connection has
   * arrived late, perhaps this one.
   */
  function sendSubjectAnchor(session: Session, prepared: PreparedRow, laneSeq: number): boolean | Promise<boolean> {
    const { subject, row } = prepared;
    const sendAt = (seq: number): boolean => {
      if (seq <= laneSeq) {
        publish(session, prepared, { lastSubjectSequence: seq });
        return true;
      }
      session.window.settle(row.seq, { kind: "unexpected" });
      gate.open();
      return false;
    };
    const known = session.subjectSeqs.get(subject);
    if (known !== undefined) return sendAt(known);
    return session.hub.last(subject).then((message) => sendAt(message?.seq ?? 0));
  }

  /** Sends a message of suspect size, or gives it up, once a harmless request of that size has shown which. */
  async function sendSuspect(session: Session, prepared: PreparedRow): Promise<boolean> {
    const { row, bytes: size } = prepared;
    const answered = await session.hub.answers(size);
    if (suspicion.probed(row.seq, answered)) {
      return refuse(session, { seq: row.seq, size, reason: "the hub answers no message of its size" });
    }
    if (answered) return !deps.isPaused() && send(session, prepared);
    throw new PetioleError(
      "ERR_LATTICE_UNREACHABLE",
      `Cannot forward the lane "${lane}": the hub left a request of ${size} bytes unanswered`,
    );
  }

  function publish(session: Session, prepared: PreparedRow, expect: HubExpectation): void {
    const { window } = session;
    const { row, subject, headers } = prepared;
    const settle = (outcome: Outcome): void => {
      session.lastAnswer = clock.monotonic();
      window.settle(row.seq, outcome);
      const stored = window.stored();
      if (stored !== undefined) session.acks.acknowledge(stored.seq, stored.hubSeq);
    };
    session.hub
      .publish({ subject, body: row.body, headers, expect })
      .then(
        ({ seq, duplicate }) => {
          if (session.over) return;
          session.progressed = true;
          session.fruitless = 0;
          state.stored += 1;
          if (duplicate) state.duplicates += 1;
          remember(session.subjectSeqs, subject, seq);
          suspicion.clear();
          settle({ kind: "stored", hubSeq: seq, duplicate });
          session.onProgress();
        },
        (error: unknown) => {
          if (session.over) return;
          const outcome = outcomeOfError(error);
          if (outcome?.kind === "unexpected") state.unexpected += 1;
          if (outcome === undefined) session.failure ??= { error };
          else settle(outcome);
        },
      )
      .finally(gate.open);
  }

  /** Waits for an answer or for rows; gives the hub up when it owes answers for too long. */
  async function rest(session: Session, signal: AbortSignal): Promise<void> {
    const turn = session.held ? pace.delay() : undefined;
    if (session.window.inFlight() === 0) {
      await gate.wait(signal, turn);
      return;
    }
    const left = (): Millis => millis(session.lastAnswer + deps.ackTimeout - clock.monotonic());
    if (left() > 0) await gate.wait(signal, millis(Math.min(left(), turn ?? Infinity)));
    if (left() > 0) return;
    throw new PetioleError(
      "ERR_LATTICE_UNREACHABLE",
      `Cannot forward the lane "${lane}": the hub acknowledged nothing for ${deps.ackTimeout} ms`,
    );
  }

  /** Resolves with true when the row is written off. */
  async function refuse(session: Session, row: { seq: number; size: number; reason: string }): Promise<true> {
    const { seq, reason } = row;
    await session.acks.settled();
    await deps.refuse({ lane, seq, bytes: bytes(row.size), reason });
    session.sent = seq;
    suspicion.clear();
    state.refused += 1;
    log.error("The hub will never take a message; it is given up", { lane, seq, reason });
    return true;
  }

  async function end(session: Session): Promise<void> {
    const { window, progressed } = session;
    session.over = true;
    // A run that got nothing through is followed by one with a single message in flight, so that one in the way of
    // all others is found; a run that ended in the middle by one with fewer, which a slow link may carry.
    if (window.inFlight() > 0) windowSize = progressed ? Math.max(1, Math.floor(window.size() / 2)) : 1;
    else windowSize = window.size();
    const only = window.inFlight() === 1 && !progressed ? window.oldest() : undefined;
    if (only !== undefined) suspicion.strike(only);
    state.inFlight = 0;
    state.window = windowSize;
    pace.leave(lane);
    deps.onIdle();
    // The next run reads what is acknowledged, so that must be written; if it failed, that run finds out.
    await session.acks.settled().catch(() => {});
  }

  return { run, wake: gate.open };
}

function remember(seqs: Map<string, number>, subject: string, seq: number): void {
  if (seqs.size >= SUBJECTS_REMEMBERED) seqs.clear();
  seqs.set(subject, seq);
}
