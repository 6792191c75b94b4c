import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { LANES, STORED_LANES, type Lane, type StoredLane } from "../../domain/outbox.ts";
import { isErrno } from "../../lib/files.ts";

export type LaneMarks = Readonly<Record<Lane, number>>;

/**
 * What the small file beside the database remembers, so that no sequence is used twice even when the database is lost.
 * `floor` is reserved ahead: every sequence ever given out is at or below it.
 */
export interface SequenceTwin {
  readonly storeId: string;
  readonly floor: number;
  /** Acknowledged sequences when the file was written; only says from where a loss may begin. */
  readonly acknowledged: LaneMarks;
}

/** What the database says of itself. */
export interface StoredSequence {
  readonly storeId: string;
  readonly lastSeq: number;
  readonly acknowledged: LaneMarks;
}

/** Sequences of a lane whose rows may be lost. */
export interface Gap {
  readonly lane: StoredLane;
  readonly from: number;
  readonly to: number;
}

export interface SequenceStart extends StoredSequence {
  readonly gaps: readonly Gap[];
}

/** Sequences reserved ahead: one small file write for so many messages, and at most so many skipped after a crash. */
export const RESERVED_AHEAD = 65_536;
/**
 * The floor is written before the commit that it is for, and messages that the hub takes need no commit: so far can the
 * database be behind it. Further behind, it is an older copy.
 */
const FURTHEST_AHEAD = 3 * RESERVED_AHEAD;

/**
 * Where to continue counting. After a crash that is the floor, not what the database says: a card that lied about a
 * flush may have lost commits whose rows the hub already holds, and counting on from there would give their sequences
 * to other messages. A clean shutdown lowers the floor to the last sequence, so that nothing is skipped.
 *
 * The identity belongs to the sequences, so a replaced database keeps it and the hub can go on comparing. Only when
 * both files are gone does a new identity begin at 0.
 */
export function planSequence(
  stored: StoredSequence | undefined,
  twin: SequenceTwin | undefined,
  newId: () => string,
): SequenceStart {
  if (stored === undefined) {
    if (twin === undefined) return { storeId: newId(), lastSeq: 0, acknowledged: laneMarks(() => 0), gaps: [] };
    const { storeId, floor, acknowledged } = twin;
    return { storeId, lastSeq: floor, acknowledged, gaps: gapsBetween(acknowledged, floor) };
  }
  if (twin?.storeId !== stored.storeId) return { ...stored, gaps: [] };
  const lastSeq = Math.max(stored.lastSeq, twin.floor);
  const isOldCopy = twin.floor > stored.lastSeq + FURTHEST_AHEAD;
  return {
    ...stored,
    lastSeq,
    gaps: isOldCopy
      ? gapsBetween(
          laneMarks(() => stored.lastSeq),
          twin.floor,
        )
      : [],
  };
}

function gapsBetween(after: LaneMarks, to: number): readonly Gap[] {
  return STORED_LANES.map((lane) => ({ lane, from: after[lane] + 1, to })).filter((gap) => gap.from <= gap.to);
}

/** Undefined when there is no such file or nothing useful in it. */
export function readTwin(path: string): SequenceTwin | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
  return parseTwin(text);
}

export function parseTwin(text: string): SequenceTwin | undefined {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isRecord(raw)) return undefined;
  const { storeId, floor, acknowledged } = raw;
  if (typeof storeId !== "string" || storeId === "" || !isSequence(floor) || !isRecord(acknowledged)) return undefined;
  if (!LANES.every((lane) => isSequence(acknowledged[lane]))) return undefined;
  return { storeId, floor, acknowledged: laneMarks((lane) => Number(acknowledged[lane])) };
}

/** Replaces the file in one durable step. Synchronous: it runs in the store worker, between two transactions. */
export function writeTwin(path: string, twin: SequenceTwin): void {
  const temporary = `${path}.tmp`;
  const file = openSync(temporary, "w", 0o600);
  try {
    writeSync(file, `${JSON.stringify(twin)}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
  syncFolderNow(dirname(path));
}

export function syncFolderNow(folder: string): void {
  const handle = openSync(folder, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

export function laneMarks(of: (lane: Lane) => number): LaneMarks {
  return {
    critical: of("critical"),
    standard: of("standard"),
    latest: of("latest"),
    ephemeral: of("ephemeral"),
  };
}

function isSequence(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
