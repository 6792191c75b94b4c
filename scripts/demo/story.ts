// What the demo shows, one act after another. The stage (hub, device, sensors) is built by `stage.ts`.

import { backlogOf, type Agent } from "../stage/agent.ts";
import { expectedPresses, expectedReadings } from "./expected.ts";
import type { Person } from "./person.ts";
import { SETTINGS } from "./profile.ts";
import { formatReport, judge } from "../stage/report.ts";
import type { Screen } from "../stage/screen.ts";
import type { Sensor } from "../stage/sensors.ts";
import type { HubStreamReader } from "../stage/stored.ts";
import { verify, type Message } from "../stage/verify.ts";
import { pause, untilAborted, waitUntil } from "../stage/wait.ts";

export interface Stage {
  readonly agent: Agent;
  readonly boiler: Sensor;
  readonly tank: Sensor;
  readonly person: Person;
  readonly link: { cut(): void; mend(): void };
  readonly hub: HubStreamReader;
}

export interface StoryOptions {
  readonly screen: Screen;
  readonly seconds: number;
  /** Aborted by Ctrl-C and when the agent ends by itself. */
  readonly signal: AbortSignal;
}

const SAMPLE_MS = 1000;
const DRAIN_LIMIT_MS = 60_000;
const SOURCES: readonly (readonly [prefix: string, source: string])[] = [
  ["readings.boiler", "MQTT"],
  ["readings.tank", "serial"],
  ["events.button", "GPIO"],
  ["alarms.", "smoother"],
];

/** Plays the three acts and says whether the hub holds what was sent. */
export async function play(stage: Stage, { screen, seconds, signal }: StoryOptions): Promise<boolean> {
  const third = Math.round((seconds * 1000) / 3);
  const stop = new AbortController();
  const sensors = Promise.all([stage.boiler, stage.tank, stage.person].map((one) => one.run(stop.signal)));
  // A sensor that fails ends the acts; its error is thrown where `sensors` is awaited.
  const failed = new AbortController();
  sensors.catch((error: unknown) => failed.abort(error));
  const all = AbortSignal.any([signal, failed.signal]);

  try {
    screen.heading("Online: readings flow to the hub");
    await watch(stage, screen, third, all);

    screen.heading("The link is cut: the device goes on by itself");
    stage.link.cut();
    const before = stage.person.presses.length;
    await watch(stage, screen, third, all);
    screen.note(describeReactions(stage.person.presses.slice(before)));

    screen.heading("The link is back: the outbox drains while readings go on");
    stage.link.mend();
    await watch(stage, screen, third, all);
  } finally {
    stop.abort();
  }
  await untilAborted(sensors, signal);

  const expected = expectedNow(stage);
  await screen.task(
    "Outbox",
    () => drain(stage, expected.length, signal),
    (seen) => seen,
  );
  const stored = await screen.task(
    "The hub's stream, read from its beginning",
    () => stage.hub.readAll(),
    (messages) => `${messages.length} messages`,
  );
  return conclude(screen, expected, stored);
}

/** Shows the counters until the act is over. */
async function watch(stage: Stage, screen: Screen, duration: number, signal: AbortSignal): Promise<void> {
  const act = AbortSignal.any([signal, AbortSignal.timeout(duration)]);
  while (!act.aborted) {
    screen.live(await counters(stage));
    await pause(SAMPLE_MS, act);
  }
  signal.throwIfAborted();
  screen.note(await counters(stage));
}

async function counters(stage: Stage): Promise<string> {
  const status = await stage.agent.status();
  // In this order, so that the hub is never seen to hold more than was sent.
  const stored = await stage.hub.count();
  return [
    status.hub.link.padEnd(8),
    `sent ${count(expectedNow(stage).length)}`,
    `outbox ${count(backlogOf(status))}`,
    `hub ${count(stored)}`,
    `lamp ${stage.person.presses.at(-1)?.lamp === true ? "on" : "off"}`,
  ].join("   ");
}

const count = (value: number): string => String(value).padStart(5);

/** What must be at the hub in the end, by what was sent so far. */
const expectedNow = ({ boiler, tank, person }: Stage): Message[] => [
  ...expectedReadings([...boiler.sent, ...tank.sent], SETTINGS),
  ...expectedPresses(person.presses.length),
];

function describeReactions(presses: Person["presses"]): string {
  const times = presses.map(({ reaction }) => reaction).sort((a, b) => a - b);
  const median = times[Math.floor(times.length / 2)];
  if (median === undefined) return "Nobody pressed the button meanwhile";
  const count = times.length === 1 ? "1 press" : `${times.length} presses`;
  return `Offline the lamp answered ${count} of the button, typically after ${median.toFixed(1)} ms`;
}

/**
 * Waits until nothing is left on the device and the hub holds as many messages as there should be. Gives up after a
 * while: what is missing then stands in the table.
 */
async function drain({ agent, hub }: Stage, expected: number, signal: AbortSignal): Promise<string> {
  let seen = "no answer";
  const probe = async (): Promise<string | undefined> => {
    const [status, count] = [await agent.status(), await hub.count()];
    seen = `${backlogOf(status)} left on the device, ${count} of ${expected} at the hub`;
    return backlogOf(status) === 0 && count >= expected ? seen : undefined;
  };
  try {
    return await waitUntil("the outbox to drain", probe, { every: 250, within: DRAIN_LIMIT_MS, signal });
  } catch {
    signal.throwIfAborted();
    return `${seen}, given up after ${DRAIN_LIMIT_MS / 1000} s`;
  }
}

function conclude(screen: Screen, expected: readonly Message[], stored: readonly Message[]): boolean {
  const reports = verify(expected, stored);
  screen.heading("What the sensors sent, and what the hub holds");
  screen.note("");
  const source = (subject: string): string => SOURCES.find(([prefix]) => subject.startsWith(prefix))?.[1] ?? "";
  for (const line of formatReport(reports, source).split("\n")) screen.note(line);
  const verdict = judge(reports);
  screen.verdict(verdict.ok, verdict.text);
  return verdict.ok;
}
