// Whether a store kept its word, given what was done to it. Pure.

import { isDeepStrictEqual } from "node:util";
import { LANES, type Lane, type LedgerEntry, type LossReason } from "../../src/domain/outbox.ts";
import type { AgentEnd, AtHub, History, Published, StoreLife } from "./history.ts";

export interface LaneVerdict {
  readonly lane: Lane;
  readonly accepted: number;
  /** Accepted messages that are at the hub. */
  readonly delivered: number;
  /** Of lane `latest`: messages that a newer one of their subject replaced. */
  readonly superseded: number;
  /** Missing, and in the ledger. */
  readonly ledgered: number;
  /** Missing without a word, as the lane allows: around a kill. */
  readonly allowed: number;
  /** In the ledger and at the hub: on the way when they were given up. */
  readonly both: number;
  /** At the hub although nobody was told that they were accepted, which is neither promised nor wrong. */
  readonly unanswered: number;
  /** Problems, by kind. */
  readonly lost: readonly string[];
  readonly duplicates: readonly string[];
  readonly outOfOrder: readonly string[];
  readonly invented: readonly string[];
}

export interface Verdict {
  readonly lanes: readonly LaneVerdict[];
  /** Ledger entries that the hub was told of. */
  readonly told: number;
  /** May be cured by waiting: what is missing could still arrive. */
  readonly missing: readonly string[];
  /** Nothing cures these. */
  readonly wrong: readonly string[];
}

/** What a busy machine adds to the commit interval. */
const SLACK_MS = 1000;
/** Near this size the ledger makes room by joining entries, whose ranges then say little. */
const LEDGER_CROWDED = 900;
/** Reasons that a lane may lose a message for. `hub-lost` must be the test's own doing as well. */
const REASONS: Readonly<Record<Lane, readonly LossReason[]>> = {
  critical: ["hub-lost"],
  standard: ["cap", "hub-lost"],
  latest: ["cap", "hub-lost"],
  ephemeral: ["cap", "hub-lost", "expired"],
};

export function judge(life: StoreLife): Verdict {
  const lanes = LANES.map((lane) => judgeLane(lane, life));
  const of = (lane: Lane, what: string, names: readonly string[]): string[] =>
    names.length === 0 ? [] : [`${lane}: ${names.length} ${what}: ${names.slice(0, 8).join(", ")}`];
  const reports = reportProblems(life);
  return {
    lanes,
    told: life.reported.length,
    missing: [...lanes.flatMap(({ lane, lost }) => of(lane, "lost without a word", lost)), ...reports.missing],
    wrong: [
      ...lanes.flatMap((verdict) => [
        ...of(verdict.lane, "duplicates", verdict.duplicates),
        ...of(verdict.lane, "out of order", verdict.outOfOrder),
        ...of(verdict.lane, "invented", verdict.invented),
      ]),
      ...sequenceProblems(life),
      ...ledgerProblems(life),
      ...reports.wrong,
    ],
  };
}

function judgeLane(lane: Lane, life: StoreLife): LaneVerdict {
  const published = new Map(life.published.filter((one) => one.lane === lane).map((one) => [one.id, one]));
  const hub = life.hub.filter((one) => one.lane === lane && one.id !== undefined);
  const arrived = new Set(hub.map(({ id }) => id));
  const fates = new Map<string, Fate>();
  for (const message of published.values()) {
    if (message.answer.kind === "accepted") fates.set(message.id, fateOf(message, arrived.has(message.id), life));
  }
  const superseded = lane === "latest" ? supersede(fates, published, hub, life) : 0;
  const count = (fate: Fate): number => [...fates.values()].filter((one) => one === fate).length;
  const inLedger = (one: AtHub): boolean =>
    life.ledger.some((entry) => entry.lane === lane && isExact(entry) && covers(entry, one.seq));
  return {
    lane,
    accepted: fates.size,
    delivered: count("delivered"),
    superseded,
    ledgered: count("ledgered"),
    allowed: count("allowed"),
    both: hub.filter(inLedger).length,
    unanswered: [...arrived].filter((id) => id !== undefined && published.get(id)?.answer.kind === "unknown").length,
    lost: [...fates].filter(([, fate]) => fate === "lost").map(([id]) => describe(published.get(id), id)),
    duplicates: duplicatesIn(hub.map(({ id, hubSeq }) => ({ key: id ?? "", name: `${id} at ${hubSeq}` }))),
    outOfOrder: orderProblems(life.hub.filter((one) => one.lane === lane)),
    invented: hub
      .filter((one) => !isGenuine(one, published.get(one.id ?? "")))
      .map((one) => `${one.id} at ${one.hubSeq}`),
  };
}

type Fate = "delivered" | "ledgered" | "allowed" | "superseded" | "lost";

function fateOf(message: Published, arrived: boolean, life: StoreLife): Fate {
  if (arrived) return "delivered";
  const { answer, lane, id } = message;
  if (answer.kind !== "accepted") return "allowed";
  const rolledBack = life.history.rollbacks.some(({ lost }) => lost.has(id));
  const inLedger = life.ledger.some(
    (entry) =>
      entry.lane === lane &&
      covers(entry, answer.seq) &&
      REASONS[lane].includes(entry.reason) &&
      (entry.reason !== "hub-lost" || rolledBack),
  );
  if (inLedger) return "ledgered";
  return mayBeMissing(message, life) ? "allowed" : "lost";
}

/** Whether a message may be nowhere and in no ledger. */
function mayBeMissing({ answer, lane, sentAt, id }: Published, life: StoreLife): boolean {
  if (answer.kind !== "accepted") return true;
  const { history, commitInterval } = life;
  const around = (end: AgentEnd): boolean => end.to >= sentAt;
  // In memory: gone with the process.
  if (lane === "ephemeral" || answer.outcome === "volatile") return history.ends.some(around);
  if (lane === "critical") return false;
  const interval = commitInterval[lane] + SLACK_MS;
  if (history.ends.some((end) => around(end) && answer.at >= horizonOf(end, history, interval))) return true;
  // Taken by the hub before it was written, so it was held in memory only: two failures took both copies.
  return history.rollbacks.some(
    ({ lost, over }) =>
      lost.has(id) && history.ends.some((end) => end.kind === "kill" && around(end) && end.from <= over),
  );
}

/** From when on a message may not have been committed when the agent ended. */
function horizonOf(end: AgentEnd, { stalls }: History, interval: number): number {
  let from = end.kind === "kill" ? end.from - interval : Infinity;
  // A stop commits, unless it cannot.
  if (end.kind === "stop" && stalls.some((stall) => stall.from <= end.to && stall.to >= end.from - interval)) {
    from = end.from;
  }
  for (let moved = true; moved;) {
    moved = false;
    for (const stall of stalls) {
      if (stall.from > end.to || stall.to + interval < from || stall.from - interval >= from) continue;
      from = stall.from - interval;
      moved = true;
    }
  }
  return from;
}

/**
 * A message of lane `latest` is not lost when a newer one of its subject arrived, or had taken its place and was given
 * up then. One that a kill took had not: the message before it was on disk still. Returns how many were replaced.
 */
function supersede(
  fates: Map<string, Fate>,
  published: ReadonlyMap<string, Published>,
  hub: readonly AtHub[],
  { ledger, seen, history: { rollbacks } }: StoreLife,
): number {
  const newest = new Map<string, number>();
  const raise = (subject: string | undefined, seq: number): void => {
    if (subject !== undefined) newest.set(subject, Math.max(newest.get(subject) ?? 0, seq));
  };
  for (const { subject, seq } of hub) raise(subject, seq);
  for (const [seq, id] of seen) if (rollbacks.some(({ lost }) => lost.has(id))) raise(published.get(id)?.subject, seq);
  for (const [id, fate] of fates) {
    const message = published.get(id);
    if (fate === "ledgered" && message?.answer.kind === "accepted") raise(message.subject, message.answer.seq);
  }
  // One without an answer may have been given up as well: then the ledger has one that nobody else knows.
  const known = [...published.values()].flatMap(({ answer }) => (answer.kind === "accepted" ? [answer.seq] : []));
  const strangers = ledger.filter(
    (entry) => entry.lane === "latest" && known.filter((seq) => covers(entry, seq)).length < entry.count,
  );
  const arrived = new Set(hub.map(({ id }) => id));
  const hasStranger = ({ subject, sentAt }: Published, seq: number): boolean =>
    strangers.some(({ to }) => to > seq) &&
    [...published.values()].some(
      (other) =>
        other.subject === subject && other.sentAt > sentAt && other.answer.kind === "unknown" && !arrived.has(other.id),
    );
  let count = 0;
  for (const [id, fate] of fates) {
    const message = published.get(id);
    if (fate === "delivered" || message?.answer.kind !== "accepted") continue;
    const { seq } = message.answer;
    if ((newest.get(message.subject) ?? 0) <= seq && !(fate === "lost" && hasStranger(message, seq))) continue;
    fates.set(id, "superseded");
    count += 1;
  }
  return count;
}

function isGenuine(found: AtHub, message: Published | undefined): boolean {
  if (message === undefined || message.subject !== found.subject) return false;
  const { answer } = message;
  if (answer.kind === "accepted") return answer.seq === found.seq;
  // What the store refused because it failed may be on its disk all the same.
  return answer.kind === "unknown" || !answer.code.startsWith("ERR_OUTBOX_");
}

function duplicatesIn(found: readonly { readonly key: string; readonly name: string }[]): string[] {
  const seen = new Set<string>();
  return found.filter(({ key }) => seen.size === seen.add(key).size).map(({ name }) => name);
}

function orderProblems(hub: readonly AtHub[]): string[] {
  const ordered = [...hub].sort((a, b) => a.hubSeq - b.hubSeq);
  return ordered
    .filter(({ seq }, index) => index > 0 && seq <= (ordered[index - 1]?.seq ?? 0))
    .map(({ seq, hubSeq }) => `${seq} at ${hubSeq}`);
}

/** A sequence belongs to one message for ever, and those of one producer's lane grow. */
function sequenceProblems({ published, hub, seen }: StoreLife): string[] {
  const problems: string[] = [];
  const owners = new Map(seen);
  const claim = (seq: number, id: string): void => {
    const owner = owners.get(seq);
    if (owner !== undefined && owner !== id) problems.push(`sequence ${seq} was used twice: by ${owner} and ${id}`);
    owners.set(seq, id);
  };
  for (const { id, answer } of published) if (answer.kind === "accepted") claim(answer.seq, id);
  for (const { seq, id } of hub) if (id !== undefined) claim(seq, id);
  const last = new Map<string, number>();
  for (const { id, producer, lane, answer } of published) {
    if (answer.kind !== "accepted") continue;
    const key = `${producer} ${lane}`;
    if (answer.seq <= (last.get(key) ?? 0))
      problems.push(`${id} has sequence ${answer.seq}, its forerunner a larger one`);
    last.set(key, answer.seq);
  }
  return problems;
}

/** An entry must not name messages that it does not count, nor lose what its lane does not lose. */
function ledgerProblems({ ledger, published, hub, history }: StoreLife): string[] {
  if (ledger.length > LEDGER_CROWDED) return [];
  const arrived = new Set(hub.map(({ id }) => id));
  const unanswered = published.filter(({ answer }) => answer.kind !== "accepted").length;
  return ledger.flatMap((entry) => {
    const name = `ledger entry ${entry.id} (${entry.lane} ${entry.reason} ${entry.from} to ${entry.to}, ${entry.count})`;
    if (entry.reason !== "shed" && !REASONS[entry.lane].includes(entry.reason)) return [`${name} should not be`];
    if (entry.reason === "hub-lost") return history.rollbacks.length === 0 ? [`${name}: the hub lost nothing`] : [];
    const inside = published.filter(
      ({ lane, answer }) => lane === entry.lane && answer.kind === "accepted" && covers(entry, answer.seq),
    );
    const delivered = inside.filter(({ id }) => arrived.has(id)).length;
    if (delivered > entry.count) return [`${name} has a range in which ${delivered} messages were delivered`];
    return inside.length + unanswered < entry.count ? [`${name} counts more than the ${inside.length} there were`] : [];
  });
}

/** What the hub was told of losses is what the device knows, each told once. */
function reportProblems({ ledger, reported }: StoreLife): { missing: string[]; wrong: string[] } {
  if (ledger.length > LEDGER_CROWDED) return { missing: [], wrong: [] };
  const local = new Map(ledger.map(({ reported: told, ...entry }) => [entry.id, { told, entry }]));
  const upstream = new Set(reported.map(({ id }) => id));
  return {
    missing: ledger
      .filter(({ id, reported: told }) => told && !upstream.has(id))
      .map(({ id }) => `ledger entry ${id} counts as told to the hub, which has it not`),
    wrong: [
      ...duplicatesIn(reported.map(({ id }) => ({ key: String(id), name: `ledger entry ${id} was told twice` }))),
      ...reported.flatMap((entry) => {
        const found = local.get(entry.id);
        if (found?.told === true && isDeepStrictEqual(found.entry, entry)) return [];
        return [
          `ledger entry ${entry.id} at the hub is ${JSON.stringify(entry)}, here ${JSON.stringify(found ?? null)}`,
        ];
      }),
    ],
  };
}

/** Its range holds lost messages only. */
function isExact({ reason }: LedgerEntry): boolean {
  return reason !== "hub-lost" && reason !== "unknown";
}

function covers({ from, to }: Pick<LedgerEntry, "from" | "to">, seq: number): boolean {
  return from <= seq && seq <= to;
}

function describe(message: Published | undefined, id: string): string {
  if (message?.answer.kind !== "accepted") return id;
  const { outcome, seq, at } = message.answer;
  return `${id} (sequence ${seq}, ${outcome} at ${(at / 1000).toFixed(2)} s)`;
}
