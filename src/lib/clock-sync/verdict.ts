// Whether the wall clock can be trusted. Pure.
//
// What can be told at any time is the distance of the wall clock from the time since boot: it stays the same until
// somebody sets the clock. So a witness who confirmed the clock once holds until the distance changes, and what the hub
// said of its time can be compared with the clock again and again, without asking the hub.

import type { ClockTrust, ClockWitness } from "../../domain/clock.ts";
import { days, millis, seconds, type Millis } from "../../domain/units.ts";

/** Both clocks at one moment. */
export interface ClockReading {
  /** Unix milliseconds, as the device knows them. */
  readonly wall: number;
  /** Milliseconds since boot, sleep included. */
  readonly boottime: number;
}

/** What the hub said of its time. */
export interface HubTime {
  /** What to add to the time since boot for the hub's Unix time. */
  readonly offset: Millis;
  /** By how much that may be off: half the round trip. */
  readonly error: Millis;
  /** Time since boot when it was asked. */
  readonly asked: Millis;
}

/** What the device itself knows of its clock. */
export interface LocalWitnesses {
  /** Unix time, by the device's own clock, when systemd-timesyncd set the clock last. */
  readonly timesyncd?: Millis | undefined;
  /** The same of chronyd, when it has a source. */
  readonly chrony?: Millis | undefined;
  /** Unix time of the clock that the kernel set the system's from, less the time since boot at that moment. */
  readonly rtc?: Millis | undefined;
}

export interface ClockModel {
  readonly policy: "auto" | "trusted";
  /** No clock that is right shows an earlier time: the day of the release. */
  readonly released: number;
  /** Unix time that was right at some time before; 0 when none is known. */
  readonly remembered: number;
  /** Distance of the clocks when they were looked at last. */
  readonly distance: number;
  /** Who confirmed the clock, unset since. */
  readonly confirmed: ClockWitness | undefined;
  /** The clock was set, and nobody has confirmed it since; with what the witnesses had said until then. */
  readonly jumped: { readonly boottime: number; readonly by: number; readonly before: LocalWitnesses } | undefined;
  readonly hub: HubTime | undefined;
  readonly local: LocalWitnesses;
}

export interface Verdict {
  readonly trust: ClockTrust;
  readonly by: ClockWitness | undefined;
  readonly reason: string | undefined;
}

/** By how much the clock may differ from that of a witness. */
export const TOLERANCE = seconds(5);
/** A smaller step between two looks is a clock that is slewed. */
const STEP = seconds(2);
/** The hub's word fades: the time since boot drifts by up to so much against it. */
const DRIFT = 200e-6;
const HUB_WORD = days(1);

const distanceOf = ({ wall, boottime }: ClockReading): number => wall - boottime;

export function initialClock(
  { policy, released }: Pick<ClockModel, "policy" | "released">,
  reading: ClockReading,
): ClockModel {
  return {
    policy,
    released,
    remembered: 0,
    distance: distanceOf(reading),
    confirmed: undefined,
    jumped: undefined,
    hub: undefined,
    local: {},
  };
}

/** Whether the clock was set since it was looked at last. */
export function hasJumped(model: ClockModel, reading: ClockReading): boolean {
  return Math.abs(distanceOf(reading) - model.distance) > STEP;
}

/** Takes a look at the clock: what it means for the model, and whether the clock can be trusted. */
export function lookAtClock(before: ClockModel, reading: ClockReading): readonly [ClockModel, Verdict] {
  const distance = distanceOf(reading);
  const by = distance - before.distance;
  const jumped = hasJumped(before, reading) ? { boottime: reading.boottime, by, before: before.local } : before.jumped;
  const confirmed = jumped === undefined ? before.confirmed : undefined;
  const model: ClockModel = { ...before, distance, jumped, confirmed };
  const verdict = judge(model, reading);
  if (verdict.trust === "synced") {
    return [{ ...model, confirmed: verdict.by, jumped: undefined, remembered: reading.wall }, verdict];
  }
  if (verdict.trust === "wrong") return [{ ...model, confirmed: undefined }, verdict];
  return [model, verdict];
}

function judge(model: ClockModel, reading: ClockReading): Verdict {
  const { policy, released, remembered, confirmed, jumped, local } = model;
  if (policy === "trusted") return synced("configuration");
  // Not even the hub makes up for this: what TLS needs to reach it is missing.
  if (reading.wall < released) return wrong(`it shows ${day(reading.wall)}, before this release of ${day(released)}`);

  const hub = askHub(model, reading);
  if (hub !== undefined) return hub;
  for (const service of ["timesyncd", "chrony"] as const) {
    if (wasSetBy(service, model, reading)) return synced(service);
  }
  // Behind those who know the time from outside: they also set a clock right that was in the future.
  if (reading.wall < remembered - TOLERANCE) {
    return wrong(`it shows ${moment(reading.wall)}, and ${moment(remembered)} has been before`);
  }
  if (confirmed !== undefined) return synced(confirmed);
  // The time itself is compared, because the clock may have been set since, or the other one has no battery.
  if (local.rtc !== undefined && Math.abs(local.rtc - model.distance) <= TOLERANCE) return synced("rtc");
  if (jumped !== undefined) return unsynced(`it jumped by ${span(jumped.by)}, and nobody has confirmed it since`);
  return unsynced("nobody has confirmed it since the boot");
}

/** By how much the hub's clock is ahead; undefined when it was not told lately. */
export function hubAhead({ hub }: ClockModel, reading: ClockReading): Millis | undefined {
  if (hub === undefined || reading.boottime - hub.asked > HUB_WORD) return undefined;
  return millis(hub.offset - distanceOf(reading));
}

function askHub(model: ClockModel, reading: ClockReading): Verdict | undefined {
  const { hub } = model;
  const ahead = hubAhead(model, reading);
  if (hub === undefined || ahead === undefined) return undefined;
  const tolerance = TOLERANCE + hub.error + (reading.boottime - hub.asked) * DRIFT;
  if (Math.abs(ahead) <= tolerance) return synced("hub");
  return wrong(`the hub's clock is ${span(Math.abs(ahead))} ${ahead > 0 ? "ahead" : "behind"}`);
}

/** Whether a service that says when it set the clock last did so in this boot, and after the last jump. */
function wasSetBy(service: "timesyncd" | "chrony", model: ClockModel, reading: ClockReading): boolean {
  const { jumped } = model;
  const at = model.local[service];
  if (at === undefined || at === jumped?.before[service]) return false;
  // By the clock as it is now. If somebody else has set it since, this lies before the boot or in the future.
  const boottime = at - model.distance;
  const since = jumped === undefined ? 0 : jumped.boottime - LOOK_INTERVAL;
  return boottime >= since - STEP && boottime <= reading.boottime + STEP;
}

/** How long a jump may go unnoticed. */
export const LOOK_INTERVAL = seconds(10);

const synced = (by: ClockWitness): Verdict => ({ trust: "synced", by, reason: undefined });
const unsynced = (reason: string): Verdict => ({ trust: "unsynced", by: undefined, reason });
const wrong = (reason: string): Verdict => ({ trust: "wrong", by: undefined, reason });

const day = (wall: number): string => new Date(wall).toISOString().slice(0, 10);
const moment = (wall: number): string => `${new Date(wall).toISOString().slice(0, 19)}Z`;

function span(duration: number): string {
  const size = Math.abs(duration) / 1000;
  if (size < 120) return `${Math.round(size)} s`;
  if (size < 7200) return `${Math.round(size / 60)} min`;
  if (size < 172_800) return `${Math.round(size / 3600)} h`;
  return `${Math.round(size / 86_400)} days`;
}
