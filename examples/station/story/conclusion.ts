// What is at the hub in the end, against what the sensors sent.

import { formatReport, judge } from "../../../scripts/stage/report.ts";
import type { Stage } from "../../../scripts/stage/perform.ts";
import type { Screen } from "../../../scripts/stage/screen.ts";
import type { SentReading } from "../../../scripts/stage/sensors.ts";
import type { StoredMessage } from "../../../scripts/stage/stored.ts";
import { verify, verifyLanes, type Message } from "../../../scripts/stage/verify.ts";
import { waitUntil } from "../../../scripts/stage/wait.ts";
import { counted, expectedReadings, expectedVibration, summarised, SUMMARIES } from "./expected.ts";
import { BEARING, ROTATION, SAMPLES } from "./machine.ts";
import type { Station } from "./station.ts";

const DRAIN_LIMIT_MS = 60_000;
/** Hertz: between two lines of the spectrum there are 1.6. */
const TOLERANCE = 0.5;

const SOURCES: readonly (readonly [prefix: string, source: string])[] = [
  ["readings.hall", "MQTT"],
  ["readings.", "Modbus"],
  ["vibration.", "MQTT"],
  ["alarms.vibration", "vibration"],
  ["alarms.", "guard"],
  ["events.", "GPIO"],
  ["summaries.", "timer"],
];

/** Waits until everything has arrived, or no more comes, and says whether it is what was sent. */
export async function conclude(stage: Stage, station: Station): Promise<boolean> {
  const { screen } = stage;
  const readings = sentReadings(station);
  const sent = [
    ...expectedReadings(readings),
    ...counted("events.acknowledged", station.presses),
    ...expectedVibration(station.machine.sent),
  ];
  const bySensor = Object.fromEntries(
    [...Map.groupBy(readings, ({ sensor }) => sensor)].map(([name, of]) => [name, of.length]),
  );
  const stored = await screen.task(
    "The outbox, and the summaries of the last days",
    () => collect(stage, station, sent.length, bySensor),
    (messages) => `${messages.length} messages at the hub`,
  );

  screen.heading("What the station has sent, and what the hub holds");
  screen.note("");
  // The timer goes on: how many days there are is known from the hub alone, and that none is left out is checked.
  const days = Math.max(0, ...stored.filter(({ subject }) => subject === SUMMARIES).map(({ seq }) => seq));
  const reports = verify([...sent, ...counted(SUMMARIES, days)], stored);
  const source = (subject: string): string => SOURCES.find(([prefix]) => subject.startsWith(prefix))?.[1] ?? "";
  for (const line of formatReport(reports, source).split("\n")) screen.note(line);
  screen.note("");
  const lanes = verifyLanes(stored);
  for (const { lane, messages, outOfOrder } of lanes)
    screen.note(`Lane ${lane}: ${messages} messages, ${outOfOrder} out of order`);

  await tellTimes(stage, station);

  const faults = [
    ...(judge(reports).ok ? [] : [judge(reports).text]),
    ...lanes.flatMap(({ lane, outOfOrder }) => (outOfOrder > 0 ? [`${lane}: ${outOfOrder} out of order`] : [])),
    ...alarmFaults(sent),
    ...summaryFaults(screen, days, summarised(stored), bySensor),
    ...vibrationFaults(screen, stored),
  ];
  const all = `All ${stored.length} messages arrived exactly once, and in the order of their lanes`;
  screen.verdict(faults.length === 0, faults.length === 0 ? all : faults.join("; "));
  return faults.length === 0;
}

function sentReadings({ meter, hall }: Station): SentReading[] {
  const both = meter.sent.flatMap(({ seq, pressure, flow }) => [
    { sensor: "pressure", seq, value: pressure },
    { sensor: "flow", seq, value: flow },
  ]);
  return [...both, ...hall.sent];
}

/** Gives up after a while: what is missing then stands in the table. */
async function collect(
  { signal }: Stage,
  { hub }: Station,
  count: number,
  bySensor: Readonly<Record<string, number>>,
): Promise<readonly StoredMessage[]> {
  const complete = async (): Promise<readonly StoredMessage[] | undefined> => {
    if ((await hub.count()) < count) return undefined;
    const stored = await hub.readAll();
    // Those are not among what was counted.
    if (stored.filter(({ subject }) => subject !== SUMMARIES).length < count) return undefined;
    const sums = summarised(stored);
    return Object.entries(bySensor).every(([sensor, wanted]) => (sums[sensor] ?? 0) >= wanted) ? stored : undefined;
  };
  try {
    return await waitUntil("everything to arrive", complete, { every: 250, within: DRAIN_LIMIT_MS, signal });
  } catch {
    signal.throwIfAborted();
    return await hub.readAll();
  }
}

/** What the components computed, all in all. */
async function tellTimes({ screen }: Stage, { device }: Station): Promise<void> {
  const { components } = await device.agent.status();
  const times = components.map(({ id, calls, cpuTime }) => `${id} ${(cpuTime / 1000).toFixed(2)} s in ${calls} calls`);
  screen.note(`Computing time: ${times.join(", ")}`);
}

/** The story is about these. */
function alarmFaults(sent: readonly Message[]): string[] {
  const alarms = (subject: string): number => sent.filter((one) => one.subject === subject).length;
  const faults: string[] = [];
  if (alarms("alarms.pressure") !== 2) faults.push(`${alarms("alarms.pressure")} alarms of the pressure, want 2`);
  if (alarms("alarms.vibration-pump") < 1) faults.push("the worn bearing was not noticed");
  return faults;
}

function summaryFaults(
  screen: Screen,
  days: number,
  sums: Readonly<Record<string, number>>,
  sent: Readonly<Record<string, number>>,
): string[] {
  const told = Object.entries(sums).map(([sensor, count]) => `${sensor} ${count}`);
  screen.note(`Summaries of ${days} days have, together: ${told.join(", ")} readings`);
  return Object.entries(sent).flatMap(([sensor, count]) =>
    sums[sensor] === count ? [] : [`the summaries have ${sums[sensor] ?? 0} readings of ${sensor}, ${count} were sent`],
  );
}

interface Told {
  readonly peaks: readonly { readonly hz: number; readonly amplitude: number }[];
  readonly milliseconds: number;
}

function vibrationFaults(screen: Screen, stored: readonly StoredMessage[]): string[] {
  // What the vibration component publishes.
  const told = stored.filter(({ subject }) => subject === "vibration.pump").map(({ body }) => body as Told);
  const times = told.map(({ milliseconds }) => milliseconds).sort((a, b) => a - b);
  const median = times[Math.floor(times.length / 2)] ?? Number.NaN;
  screen.note(
    `Vibration: ${told.length} windows of ${SAMPLES} samples, each analysed in ${median.toFixed(1)} ms, ${times.at(-1)} at most`,
  );
  const isNear = (hz: number, wanted: number): boolean => Math.abs(hz - wanted) <= TOLERANCE;
  const wrong = told.filter(({ peaks }) => !isNear(peaks[0]?.hz ?? 0, ROTATION) || !isNear(peaks[1]?.hz ?? 0, BEARING));
  const worst = told.toSorted((a, b) => (b.peaks[1]?.amplitude ?? 0) - (a.peaks[1]?.amplitude ?? 0))[0]?.peaks ?? [];
  screen.note(`The strongest: ${worst.map(({ hz, amplitude }) => `${hz} Hz with ${amplitude} mm/s²`).join(", ")}`);
  return wrong.length === 0
    ? []
    : [`${wrong.length} windows have other frequencies: ${JSON.stringify(wrong[0]?.peaks)}`];
}
