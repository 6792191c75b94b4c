import { describe, test } from "vitest";
import type { Lane, LedgerEntry, PublishOutcome } from "../../src/domain/outbox.ts";
import { bytes, millis, seconds } from "../../src/domain/units.ts";
import type { AgentEnd, AtHub, History, Published, StoreLife } from "./history.ts";
import { judge, type LaneVerdict, type Verdict } from "./verdict.ts";

const OUTCOMES: Readonly<Record<Lane, PublishOutcome>> = {
  critical: "durable",
  standard: "buffered",
  latest: "buffered",
  ephemeral: "volatile",
};

/** Sequence and second of its acceptance are the same number. */
function published(lane: Lane, seq: number, subject = "s"): Published {
  const at = seconds(seq);
  const answer = { kind: "accepted", seq, outcome: OUTCOMES[lane], at } as const;
  return { id: `p-${seq}`, producer: "p", lane, subject, sentAt: at, answer };
}

function atHub({ lane, subject, id, answer }: Published, hubSeq: number): AtHub {
  return { hubSeq, lane, subject, id, seq: answer.kind === "accepted" ? answer.seq : hubSeq };
}

function entry(lane: Lane, reason: LedgerEntry["reason"], from: number, to = from, count = to - from + 1): LedgerEntry {
  return { id: from, lane, from, to, count, bytes: bytes(1), reason, wall: millis(0), reported: false };
}

const kill = (at: number): AgentEnd => ({ kind: "kill", from: seconds(at), to: seconds(at) });
const stop = (at: number): AgentEnd => ({ kind: "stop", from: seconds(at), to: seconds(at) });

interface Change {
  readonly hub?: readonly AtHub[];
  readonly history?: Partial<History>;
  readonly ledger?: readonly LedgerEntry[];
  readonly reported?: StoreLife["reported"];
  readonly seen?: StoreLife["seen"];
}

/** What is at the hub unless given: all that was published, in order. */
function verdictOn(messages: readonly Published[], change: Change = {}): Verdict {
  return judge({
    published: messages,
    hub: change.hub ?? messages.map((message, index) => atHub(message, index + 1)),
    history: { ends: [], stalls: [], rollbacks: [], ...change.history },
    ledger: change.ledger ?? [],
    reported: change.reported ?? [],
    seen: change.seen ?? new Map(),
    commitInterval: { standard: seconds(1), latest: seconds(1) },
  });
}

function laneOf(verdict: Verdict, lane: Lane): LaneVerdict {
  const found = verdict.lanes.find((one) => one.lane === lane);
  if (found === undefined) throw new Error(`no verdict on ${lane}`);
  return found;
}

/** Of these, all but the given ones are at the hub. */
const without = (messages: readonly Published[], ...seqs: readonly number[]): AtHub[] =>
  messages.map((message, index) => atHub(message, index + 1)).filter(({ seq }) => !seqs.includes(seq));

describe("judge()", () => {
  const lanes: readonly Lane[] = ["critical", "standard", "latest", "ephemeral"];

  test.for(lanes)("is content when all of %s is at the hub, once and in order", (lane, { expect }) => {
    const messages = [published(lane, 10), published(lane, 11), published(lane, 12)];
    const verdict = verdictOn(messages);
    expect(verdict).toMatchObject({ missing: [], wrong: [] });
    expect(laneOf(verdict, lane)).toMatchObject({ accepted: 3, delivered: 3, allowed: 0, ledgered: 0 });
  });

  test.for(lanes)("finds a planted loss in %s", (lane, { expect }) => {
    const messages = [published(lane, 10, "a"), published(lane, 11, "b"), published(lane, 12, "c")];
    const verdict = verdictOn(messages, { hub: without(messages, 11) });
    expect(laneOf(verdict, lane).lost).toEqual([expect.stringContaining("p-11")]);
    expect(verdict.missing).toHaveLength(1);
  });

  test.for(lanes)("finds a planted duplicate in %s", (lane, { expect }) => {
    const messages = [published(lane, 10), published(lane, 11)];
    const hub = [...without(messages), { ...atHub(published(lane, 11), 3) }];
    const verdict = verdictOn(messages, { hub });
    expect(laneOf(verdict, lane).duplicates).toEqual(["p-11 at 3"]);
    expect(verdict.wrong.join()).toContain("duplicates");
  });

  test.for(lanes)("finds a planted reorder in %s", (lane, { expect }) => {
    const messages = [published(lane, 10, "a"), published(lane, 11, "b"), published(lane, 12, "c")];
    const [first, second, third] = messages as [Published, Published, Published];
    const verdict = verdictOn(messages, { hub: [atHub(second, 1), atHub(first, 2), atHub(third, 3)] });
    expect(laneOf(verdict, lane).outOfOrder).toEqual(["10 at 2"]);
    expect(verdict.wrong.join()).toContain("out of order");
  });

  test("finds what was never published, or not so", ({ expect }) => {
    const messages = [published("critical", 10, "a")];
    const right = atHub(published("critical", 10, "a"), 1);
    const invented = (...hub: AtHub[]): readonly string[] => laneOf(verdictOn(messages, { hub }), "critical").invented;
    expect(invented(right)).toEqual([]);
    expect(invented(right, { ...right, hubSeq: 2, id: "q-1", seq: 11 })).toEqual(["q-1 at 2"]);
    expect(invented({ ...right, subject: "b" })).toEqual(["p-10 at 1"]);
    expect(invented({ ...right, seq: 11 })).toEqual(["p-10 at 1"]);
  });

  test("a message without an answer may be there once or not; a refused one may not", ({ expect }) => {
    const unknown: Published = { ...published("critical", 10), answer: { kind: "unknown" } };
    expect(verdictOn([unknown], { hub: [] })).toMatchObject({ missing: [], wrong: [] });
    expect(verdictOn([unknown])).toMatchObject({ missing: [], wrong: [] });
    expect(verdictOn([unknown], { hub: [atHub(unknown, 1), { ...atHub(unknown, 2), seq: 2 }] }).wrong).not.toEqual([]);
    const refused: Published = { ...unknown, answer: { kind: "refused", code: "ERR_OUTBOX_FULL" } };
    expect(verdictOn([refused], { hub: [] }).wrong).toEqual([]);
    expect(verdictOn([refused]).wrong.join()).toContain("invented");
  });

  test("nothing of critical may be missing after a kill, not even by the ledger's leave", ({ expect }) => {
    const messages = [published("critical", 10)];
    const killed = { hub: [], history: { ends: [kill(10.1)] } };
    expect(verdictOn(messages, killed).missing).toHaveLength(1);
    const verdict = verdictOn(messages, { ...killed, ledger: [entry("critical", "cap", 10)] });
    expect(verdict.missing).toHaveLength(1);
    expect(verdict.wrong.join()).toContain("should not be");
  });

  test("standard may lose without a word what was accepted within the commit interval before a kill", ({ expect }) => {
    const messages = [published("standard", 10), published("standard", 12)];
    const missing = (history: Partial<History>): readonly string[] =>
      laneOf(verdictOn(messages, { hub: [], history }), "standard").lost.map((text) => text.split(" ")[0] ?? "");
    expect(missing({ ends: [kill(13)] })).toEqual(["p-10"]);
    expect(missing({ ends: [kill(9)] })).toEqual(["p-10", "p-12"]);
    expect(missing({ ends: [stop(13)] })).toEqual(["p-10", "p-12"]);
    // The disk failed from before the first one until the end.
    const stalls = [{ from: seconds(11), to: seconds(13) }];
    expect(missing({ ends: [kill(13)], stalls })).toEqual([]);
    expect(missing({ ends: [stop(13)], stalls })).toEqual([]);
    expect(missing({ stalls })).toEqual(["p-10", "p-12"]);
  });

  test("what the ledger names is not lost, if the reason is one of the lane's", ({ expect }) => {
    const messages = [published("standard", 10), published("standard", 11), published("standard", 12)];
    const hub = without(messages, 10, 11);
    const verdict = verdictOn(messages, { hub, ledger: [entry("standard", "cap", 10, 11)] });
    expect(verdict).toMatchObject({ missing: [], wrong: [] });
    expect(laneOf(verdict, "standard").ledgered).toBe(2);
    expect(verdictOn(messages, { hub, ledger: [entry("critical", "cap", 10, 11)] }).missing).toHaveLength(1);
    expect(verdictOn(messages, { hub, ledger: [entry("standard", "expired", 10, 11)] }).missing).toHaveLength(1);
  });

  test("a ledger entry names no more than it counts, and counts no more than there was", ({ expect }) => {
    const messages = [10, 11, 12, 13].map((seq) => published("standard", seq));
    const hub = without(messages, 10, 13);
    expect(verdictOn(messages, { hub, ledger: [entry("standard", "cap", 10, 13, 1)] }).wrong.join()).toContain("range");
    expect(verdictOn(messages, { hub, ledger: [entry("standard", "cap", 10, 10, 3)] }).wrong.join()).toContain("more");
    const both = verdictOn(messages, { ledger: [entry("standard", "cap", 10)] });
    expect(both).toMatchObject({ missing: [], wrong: [] });
    expect(laneOf(both, "standard").both).toBe(1);
  });

  test("of latest the last value counts, and those that a kill did not take", ({ expect }) => {
    const messages = [published("latest", 10), published("latest", 12), published("latest", 13)];
    const lost = (hub: readonly AtHub[], history: Partial<History> = {}): readonly string[] =>
      laneOf(verdictOn(messages, { hub, history }), "latest").lost.map((text) => text.split(" ")[0] ?? "");
    expect(lost(without(messages, 10, 12))).toEqual([]);
    expect(laneOf(verdictOn(messages, { hub: without(messages, 10, 12) }), "latest").superseded).toBe(2);
    expect(lost(without(messages, 13))).toEqual(["p-13"]);
    expect(lost(without(messages, 13), { ends: [kill(14)] })).toEqual([]);
    // The first one had to be on disk, and nothing had taken its place there.
    expect(lost([], { ends: [kill(14)] })).toEqual(["p-10"]);
  });

  test("of latest one without an answer may have taken another's place, and may have been given up", ({ expect }) => {
    const messages = [published("latest", 10), { ...published("latest", 11), answer: { kind: "unknown" } as const }];
    const missing = (seq: number): number =>
      verdictOn(messages, { hub: [], ledger: [entry("latest", "cap", seq)] }).missing.length;
    expect(missing(11)).toBe(0);
    expect(missing(9)).toBe(1);
  });

  test("ephemeral is lost with the process, and not otherwise", ({ expect }) => {
    const messages = [published("ephemeral", 10)];
    expect(verdictOn(messages, { hub: [], history: { ends: [stop(30)] } }).missing).toEqual([]);
    expect(verdictOn(messages, { hub: [], history: { ends: [kill(9)] } }).missing).toHaveLength(1);
    expect(verdictOn(messages, { hub: [], ledger: [entry("ephemeral", "expired", 10)] }).missing).toEqual([]);
  });

  test("what a hub lost that was rolled back must come again, unless the ledger has it", ({ expect }) => {
    const rollbacks = [{ lost: new Set(["p-10"]), over: seconds(20) }];
    const missing = (lane: Lane, history: Partial<History>, ledger: readonly LedgerEntry[] = []): number =>
      verdictOn([published(lane, 10)], { hub: [], history: { rollbacks, ...history }, ledger }).missing.length;
    const hubLost = (lane: Lane): LedgerEntry[] => [entry(lane, "hub-lost", 8, 11, 0)];
    expect(missing("critical", {})).toBe(1);
    expect(missing("critical", {}, hubLost("critical"))).toBe(0);
    expect(missing("critical", { rollbacks: [] }, hubLost("critical"))).toBe(1);
    expect(missing("standard", {})).toBe(1);
    // Taken by the hub before it was on disk; then the process and the hub both forgot it.
    expect(missing("standard", { ends: [kill(15)] })).toBe(0);
    expect(missing("standard", { ends: [kill(21)] })).toBe(1);
    expect(missing("standard", { ends: [stop(15)] })).toBe(1);
    // Not kept once the hub has it, so all that is left is a word of it.
    for (const lane of ["latest", "ephemeral"] as const) {
      expect(missing(lane, {})).toBe(1);
      expect(missing(lane, {}, hubLost(lane))).toBe(0);
    }
  });

  test("a sequence belongs to one message for ever, and grows", ({ expect }) => {
    const messages = [published("critical", 10), { ...published("critical", 11), id: "p-x" }];
    expect(verdictOn(messages).wrong).toEqual([]);
    expect(verdictOn(messages, { seen: new Map([[11, "p-y"]]) }).wrong.join()).toContain("used twice");
    expect(verdictOn([messages[1], messages[0]] as Published[], { hub: without(messages) }).wrong.join()).toContain(
      "forerunner",
    );
  });

  test("what the hub was told of losses is what the ledger says, each told once", ({ expect }) => {
    const messages = [published("standard", 10)];
    const { reported: _, ...told } = entry("standard", "cap", 10);
    const ledger = [{ ...told, reported: true }];
    const on = (change: Change): Verdict => verdictOn(messages, { hub: [], ...change });
    expect(on({ ledger, reported: [told] })).toMatchObject({ missing: [], wrong: [] });
    expect(on({ ledger: [entry("standard", "cap", 10)] })).toMatchObject({ missing: [], wrong: [] });
    expect(on({ ledger }).missing.join()).toContain("counts as told");
    expect(on({ ledger, reported: [told, told] }).wrong.join()).toContain("told twice");
    expect(on({ ledger, reported: [{ ...told, count: 2 }] }).wrong).toHaveLength(1);
    expect(on({ ledger: [], reported: [told] }).wrong).toHaveLength(1);
  });
});
