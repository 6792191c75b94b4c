// What a store must show after a power cut, given what it had promised. Pure.

import type { LedgerEntry } from "../../src/domain/outbox.ts";
import { LOAD_LANES, TALLIES, type LoadLane, type Promises, type Tally } from "./marks.ts";

export interface FoundRow {
  readonly seq: number;
  /** Undefined when the body is not intact. */
  readonly label: string | undefined;
}

export interface FoundLane {
  /** As they were read, oldest first. */
  readonly rows: readonly FoundRow[];
  readonly acknowledged: number;
  /** How many rows the statistics say there are. */
  readonly counted: number;
}

/** What a store shows that was opened on what the power cut left. */
export interface Found {
  readonly lanes: Readonly<Record<LoadLane, FoundLane>>;
  readonly ledger: readonly Pick<LedgerEntry, "lane" | "from" | "to" | "reason">[];
  readonly tallies: Readonly<Record<Tally, number>>;
  /** The counter after one more increment. */
  readonly countedOn: number;
  /** Sequences of messages that were published now, in order. */
  readonly next: readonly number[];
  /** Lines of the log that are warnings or worse. */
  readonly complaints: readonly string[];
  /** Databases, with what `PRAGMA integrity_check` says of them. */
  readonly integrity: Readonly<Record<string, string>>;
  /** Names in the state directory. */
  readonly files: readonly string[];
}

/** Everything that is wrong; empty when the store kept its word. */
export function findProblems(promises: Promises, found: Found): readonly string[] {
  return [
    ...LOAD_LANES.flatMap((lane) => laneProblems(lane, promises, found)),
    ...TALLIES.flatMap((tally) => tallyProblems(tally, promises, found)),
    ...sequenceProblems(promises, found),
    ...findFalseAlarms(promises, found),
    ...found.complaints.map((line) => `the store complains: ${line}`),
    ...Object.entries(found.integrity).flatMap(([name, text]) =>
      text === "ok" ? [] : [`${name} is damaged: ${text}`],
    ),
    ...found.files.flatMap((name) => (name.includes(".corrupt-") ? [`it was moved aside as damaged: ${name}`] : [])),
    ...found.ledger.flatMap(({ lane, from, to, reason }) =>
      reason === "corrupt" || (reason === "unknown" && !isEmptyRange(promises, from, to))
        ? [`the ledger has ${lane} ${from}..${to} as ${reason}`]
        : [],
    ),
  ];
}

/** No sequence from here to there ever belonged to a message that was stored for good. */
function isEmptyRange({ published }: Promises, from: number, to: number): boolean {
  return [...published].every(([seq, { durable }]) => !durable || seq < from || seq > to);
}

/** An alarm for nothing, or a sequence used again that only memory knew: no loss in itself. */
function findFalseAlarms(promises: Promises, found: Found): readonly string[] {
  const { published, seen } = promises;
  const given = Math.max(0, ...published.keys());
  const [first = 0] = found.next;
  return [
    ...found.ledger.flatMap(({ lane, from, to, reason }) =>
      reason === "unknown" && isEmptyRange(promises, from, to)
        ? [`the ledger has ${lane} ${from}..${to} as unknown: nothing was there`]
        : [],
    ),
    ...(first <= given && first > seen
      ? [`sequence ${first} is used again: ${given} was accepted, but never stored`]
      : []),
  ];
}

function laneProblems(lane: LoadLane, { published, asked, acknowledged }: Promises, found: Found): readonly string[] {
  const { rows, counted, ...of } = found.lanes[lane];
  const problems: string[] = [];
  const labels = new Map(rows.map(({ seq, label }) => [seq, label]));
  const dropped = found.ledger.filter((entry) => entry.lane === lane && entry.reason === "cap");
  for (const [seq, promised] of published) {
    if (promised.lane !== lane) continue;
    // Critical messages never make way for others.
    const mayBeGone =
      seq <= asked[lane] || (lane === "standard" && dropped.some(({ from, to }) => from <= seq && seq <= to));
    if (!labels.has(seq)) {
      if (promised.durable && !mayBeGone) problems.push(`${lane} ${seq} is lost: ${promised.label}`);
    } else if (labels.get(seq) !== promised.label) {
      problems.push(`${lane} ${seq} is ${labels.get(seq) ?? "damaged"}, was ${promised.label}`);
    }
  }
  for (const [index, { seq, label }] of rows.entries()) {
    if (label === undefined && !published.has(seq)) problems.push(`${lane} ${seq} is damaged`);
    if (seq <= (rows[index - 1]?.seq ?? 0)) problems.push(`${lane} ${seq} is out of order`);
    if (seq <= acknowledged[lane]) problems.push(`${lane} ${seq} is offered again: it was acknowledged`);
  }
  if (new Set(labels.values()).size !== rows.length) problems.push(`${lane} has a message twice`);
  if (counted !== rows.length) problems.push(`${lane} has ${rows.length} rows and counts ${counted}`);
  if (of.acknowledged < acknowledged[lane]) {
    problems.push(`${lane} is acknowledged up to ${of.acknowledged}, was ${acknowledged[lane]}`);
  }
  return problems;
}

function tallyProblems(tally: Tally, { tallies }: Promises, found: Found): readonly string[] {
  const { reached, tried } = tallies[tally];
  const value = found.tallies[tally];
  return value >= reached && value <= tried ? [] : [`${tally} is ${value}, want ${reached} to ${tried}`];
}

function sequenceProblems({ seen, asked }: Promises, found: Found): readonly string[] {
  const rows = LOAD_LANES.flatMap((lane) => found.lanes[lane].rows.map(({ seq }) => seq));
  const problems: string[] = [];
  if (new Set(rows).size !== rows.length) problems.push("a sequence is used on two lanes");
  let highest = Math.max(seen, ...rows, ...Object.values(asked));
  for (const seq of found.next) {
    if (seq <= highest) problems.push(`sequence ${seq} is used again: ${highest} was seen`);
    highest = seq;
  }
  if (found.countedOn !== found.tallies.counter + 1) {
    problems.push(`the counter goes from ${found.tallies.counter} to ${found.countedOn}`);
  }
  return problems;
}
