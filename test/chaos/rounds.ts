// Rounds of faults against one device after the other, each judged at its end.

import { setTimeout } from "node:timers/promises";
import { LANES, type Lane } from "../../src/domain/outbox.ts";
import type { OutboxReport } from "../../src/domain/outbox-report.ts";
import { reasonOf } from "../../src/lib/reason.ts";
import { seconds, type Millis } from "../../src/domain/units.ts";
import { createRandom } from "../faults/random.ts";
import { describeFault, planRound, type FaultKind, type RoundPlan } from "./faults.ts";
import type { AtHub, StoreLife } from "./history.ts";
import { createControlProducer, createLocalProducer, now, type Producer } from "./producers.ts";
import type { HubContent } from "./read-hub.ts";
import { waitFor } from "../support/wait-for.ts";
import { startRig, type Means, type Rig, type RigMode } from "./rig.ts";
import { judge, type LaneVerdict, type Verdict } from "./verdict.ts";

/** Rounds of one device and its hub. */
const RIG_ROUNDS = 10;
/** Rounds after which the device may be set up anew. */
const STORE_ROUNDS = 5;
/** A link that came back must have carried everything by then. */
const DRAIN_LIMIT = seconds(60);
/** After the outbox says that nothing waits. What the hub lost must have come again by then. */
const CURE_LIMIT = seconds(20);
const POLL = 100;
/** Reports that it takes to tell of a full ledger. */
const MOST_REPORTS = 6;

export interface ChaosOptions {
  readonly seed: number;
  readonly rounds: number;
  readonly means: Means;
  readonly say: (line: string) => void;
  /** No further round begins once it aborts. */
  readonly signal?: AbortSignal;
  /** Also what the agent said in a round that failed. */
  readonly verbose?: boolean;
}

export interface LaneTotals {
  accepted: number;
  delivered: number;
  superseded: number;
  ledgered: number;
  allowed: number;
  both: number;
  unanswered: number;
  lost: number;
  duplicates: number;
  outOfOrder: number;
  invented: number;
}

export interface ChaosReport {
  readonly rounds: number;
  readonly failures: readonly string[];
  readonly faults: ReadonlyMap<FaultKind, number>;
  readonly lanes: Readonly<Record<Lane, LaneTotals>>;
  /** Ledger entries that the hub was told of. */
  readonly told: number;
  /** From the end of the faults to an outbox in which nothing waits and a hub that holds everything. */
  readonly slowest: { readonly recovery: Millis; readonly round: string };
}

interface Tally {
  readonly failures: string[];
  readonly faults: Map<FaultKind, number>;
  readonly lanes: Record<Lane, LaneTotals>;
  slowest: ChaosReport["slowest"];
  rounds: number;
  told: number;
}

/** A device that is online tells the hub of all its losses: when it starts, so many at a time. */
async function tellLosses(rig: Rig): Promise<Verdict> {
  for (let tries = 0; ; tries += 1) {
    const verdict = await settle(rig);
    const left = await untold(rig);
    if (left === 0 || verdict.wrong.length + verdict.missing.length > 0) return verdict;
    if (tries === MOST_REPORTS) return { ...verdict, missing: [`the hub was not told of ${left} ledger entries`] };
    await rig.restartAgent();
    await waitFor("a report of losses", async () => (await untold(rig)) < left);
  }
}

async function untold(rig: Rig): Promise<number> {
  return (await rig.ledger()).filter(({ reported }) => !reported).length;
}

/** Seeds of the devices count up from `seed`, so that one of them can be run alone. */
export async function runChaos({ seed, rounds, ...options }: ChaosOptions): Promise<ChaosReport> {
  const tally: Tally = {
    failures: [],
    faults: new Map(),
    lanes: { critical: noTotals(), standard: noTotals(), latest: noTotals(), ephemeral: noTotals() },
    slowest: { recovery: 0 as Millis, round: "none" },
    rounds: 0,
    told: 0,
  };
  for (let device = 0; tally.rounds < rounds && options.signal?.aborted !== true; device += 1) {
    const wanted = Math.min(RIG_ROUNDS, rounds - tally.rounds);
    await runDevice({ ...options, seed: seed + device, rounds: wanted }, tally);
  }
  return tally;
}

async function runDevice({ seed, rounds, means, say, signal, verbose }: ChaosOptions, tally: Tally): Promise<void> {
  const random = createRandom(seed);
  const mode: RigMode = seed % 2 === 0 ? "leaf" : "direct";
  await using rig = await startRig({ mode, random, means });
  say(`device of seed ${seed}: ${mode}, ${rig.settings}`);
  await using producers = startProducers(rig, seed);
  for (let index = 1; index <= rounds; index += 1) {
    if (signal?.aborted === true) return;
    if (index % STORE_ROUNDS === 1 && index > 1 && random.chance(0.5)) {
      addTotals(tally, (await look(rig)).verdict);
      await rig.renewStore();
      say("  a new store");
    }
    const plan = planRound(random, rig.possible);
    const name = `seed ${seed} round ${index}`;
    const faults = plan.faults.map(describeFault).join(" ");
    const failure = await runRound(rig, producers.all, plan).then(
      ({ recovery, verdict, count }) => {
        if (recovery > tally.slowest.recovery) tally.slowest = { recovery, round: name };
        const wrong = describeVerdict(verdict);
        const outcome = wrong === undefined ? "ok" : "FAILED";
        say(`  ${outcome} ${name}: ${faults}; ${count} messages, back in ${(recovery / 1000).toFixed(1)} s`);
        return wrong;
      },
      (error: unknown) => {
        say(`  FAILED ${name}: ${faults}`);
        return reasonOf(error);
      },
    );
    tally.rounds += 1;
    for (const { kind } of plan.faults) tally.faults.set(kind, (tally.faults.get(kind) ?? 0) + 1);
    // What is wrong once stays wrong: the next device starts afresh.
    if (failure !== undefined) return await fail(name, index, failure);
  }
  const name = `seed ${seed} at the end`;
  try {
    const verdict = await tellLosses(rig);
    const failure = describeVerdict(verdict);
    if (failure === undefined) addTotals(tally, verdict);
    else await fail(name, rounds, failure);
  } catch (error) {
    await fail(name, rounds, reasonOf(error));
  }

  async function fail(name: string, index: number, failure: string): Promise<void> {
    tally.failures.push(`${name}: ${failure}`);
    say(`    ${failure}`);
    say(`    again with --seed ${seed} --rounds ${index}`);
    if (verbose === true) say(rig.log().slice(-20_000));
    addTotals(tally, (await look(rig).catch(() => undefined))?.verdict);
  }
}

function describeVerdict({ wrong, missing }: Verdict): string | undefined {
  return wrong.length + missing.length === 0 ? undefined : [...wrong, ...missing].join("\n    ");
}

interface Producers extends AsyncDisposable {
  readonly all: readonly Producer[];
}

function startProducers(rig: Rig, seed: number): Producers {
  const record: Parameters<typeof createControlProducer>[0]["record"] = (message) => rig.happenings.record(message);
  const common = (name: string, index: number) => ({ name, seed: seed * 100 + index, record });
  const all = ["a", "b", "c"].map((name, index) =>
    createControlProducer({ ...common(name, index), socket: rig.socket }),
  );
  if (rig.mode === "leaf") {
    all.push(
      ...["l", "m"].map((name, index) => createLocalProducer({ ...common(name, 10 + index), port: rig.localPort })),
    );
  }
  return {
    all,
    [Symbol.asyncDispose]: async () => {
      await Promise.all(all.map((producer) => producer[Symbol.asyncDispose]()));
    },
  };
}

interface RoundResult {
  readonly verdict: Verdict;
  readonly recovery: Millis;
  readonly count: number;
}

async function runRound(rig: Rig, producers: readonly Producer[], plan: RoundPlan): Promise<RoundResult> {
  const before = rig.happenings.published.length;
  const stop = new AbortController();
  const load = Promise.all(producers.map((producer) => producer.run(plan, stop.signal)));
  const faults = plan.faults.map(async (fault) => {
    await setTimeout(fault.at);
    await rig.apply(fault);
  });
  await setTimeout(plan.length);
  if (plan.quiet) stop.abort();
  const ended = await Promise.allSettled(faults);
  stop.abort();
  await load;
  await rig.heal();
  for (const result of ended) if (result.status === "rejected") throw result.reason;
  if (plan.closing) await producers[0]?.once();
  const since = now();
  const verdict = await settle(rig);
  return { verdict, recovery: (now() - since) as Millis, count: rig.happenings.published.length - before };
}

/** Waits until nothing waits any more and nothing is missing, and judges. */
async function settle(rig: Rig): Promise<Verdict> {
  await drained(rig);
  for (const earlier of await rig.beforeRollbacks()) noteRollback(rig, earlier);
  const end = now() + CURE_LIMIT;
  for (;;) {
    const { verdict } = await look(rig);
    if (verdict.wrong.length > 0 || verdict.missing.length === 0) return verdict;
    if (now() > end) return { ...verdict, missing: [...verdict.missing, await describeState(rig)] };
    await setTimeout(POLL);
    await drained(rig);
  }
}

async function drained(rig: Rig): Promise<void> {
  const end = now() + DRAIN_LIMIT;
  for (;;) {
    const report = await rig.outbox().catch(() => undefined);
    if (report?.hub.link === "online" && report.stats.lanes.every(({ rows }) => rows === 0)) return;
    if (now() > end) throw new Error(`the outbox does not drain: ${await describeState(rig)}`);
    await setTimeout(POLL);
  }
}

/** What the hub held when its folder was replaced: all of that may be missing, and its sequences are used. */
function noteRollback(rig: Rig, content: HubContent): void {
  const { happenings } = rig;
  const messages = [...content.stores.values()].flatMap((store) => store.messages);
  const known = new Set(happenings.published.map(({ id }) => id));
  const ours = messages.filter(({ id }) => id !== undefined && known.has(id));
  for (const { seq, id } of ours) if (id !== undefined) happenings.seen.set(seq, id);
  happenings.rolledBack({ lost: new Set(ours.flatMap(({ id }) => id ?? [])), over: now() });
}

async function look(rig: Rig): Promise<{ readonly verdict: Verdict; readonly storeId: string | undefined }> {
  const content = await rig.readHub();
  const [storeId, mine] = storeOf(rig, content);
  const { published, history, seen } = rig.happenings;
  const life: StoreLife = {
    published,
    history,
    hub: mine?.messages ?? [],
    reported: mine?.reported ?? [],
    ledger: await rig.ledger(),
    seen,
    commitInterval: rig.commitInterval,
  };
  const verdict = judge(life);
  for (const { seq, id } of life.hub) if (id !== undefined) seen.set(seq, id);
  return { verdict, storeId };
}

/** The store that this life's messages came from: the newest at the hub that has any of them. */
function storeOf(
  rig: Rig,
  { stores }: HubContent,
): readonly [string, { messages: readonly AtHub[]; reported: StoreLife["reported"] }] | readonly [] {
  const known = new Set(rig.happenings.published.map(({ id }) => id));
  const found = [...stores].filter(([, { messages }]) => messages.some(({ id }) => id !== undefined && known.has(id)));
  const [first, ...others] = found;
  if (others.length > 0) throw new Error(`one store's messages are at the hub under ${found.length} names`);
  return first ?? [];
}

async function describeState(rig: Rig): Promise<string> {
  const report: OutboxReport | string = await rig.outbox().catch(String);
  if (typeof report === "string") return `the agent does not answer: ${report}\n${rig.log().slice(-3000)}`;
  const { hub, forwarder, stats } = report;
  return JSON.stringify({
    hub,
    forwarder: forwarder.lanes,
    lanes: stats.lanes,
    store: stats.store,
    stored: stats.stored,
  });
}

function noTotals(): LaneTotals {
  return {
    accepted: 0,
    delivered: 0,
    superseded: 0,
    ledgered: 0,
    allowed: 0,
    both: 0,
    unanswered: 0,
    lost: 0,
    duplicates: 0,
    outOfOrder: 0,
    invented: 0,
  };
}

function addTotals(tally: Tally, verdict: Verdict | undefined): void {
  const { lanes } = tally;
  tally.told += verdict?.told ?? 0;
  for (const lane of verdict?.lanes ?? []) {
    const totals = lanes[lane.lane];
    for (const key of Object.keys(totals) as (keyof LaneTotals)[]) totals[key] += countOf(lane, key);
  }
}

function countOf(verdict: LaneVerdict, key: keyof LaneTotals): number {
  const value = verdict[key];
  return typeof value === "number" ? value : value.length;
}

/** As lines for people. */
export function describeReport({ rounds, failures, faults, lanes, told, slowest }: ChaosReport): readonly string[] {
  const columns = Object.keys(noTotals()) as (keyof LaneTotals)[];
  const table = [
    ["lane", ...columns.map((name) => name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`))],
    ...LANES.map((lane) => [lane, ...columns.map((name) => String(lanes[lane][name]))]),
  ];
  const widths = table[0]?.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0))) ?? [];
  return [
    `${rounds} rounds, ${failures.length} failed`,
    `faults: ${[...faults].map(([kind, count]) => `${kind} ${count}`).join(", ")}`,
    ...table.map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    ),
    `${told} ledger entries were told to the hub`,
    `slowest recovery: ${(slowest.recovery / 1000).toFixed(1)} s (${slowest.round})`,
  ];
}
