import type { ClockStatus } from "../domain/clock.ts";
import type { Finding } from "./finding.ts";
import type { Machine } from "./machine.ts";

const TIMESYNCD = "/run/systemd/timesync/synchronized";

/** Whether there is a clock that runs on without power. */
export function hasBatteryClock(machine: Machine): boolean {
  return machine.list("/sys/class/rtc").some((name) => Number(machine.read(`/sys/class/rtc/${name}/since_epoch`)) > 0);
}

/** `status`: what a running agent knows of it. Without, what the system says. */
export function examineClock(
  machine: Machine,
  status: ClockStatus | undefined,
  released: number,
  now: number,
): Finding[] {
  const rtc: Finding = hasBatteryClock(machine)
    ? { check: "clock", level: "ok", message: "a battery-backed clock is there" }
    : {
        check: "clock",
        level: "note",
        message: "no battery-backed clock: after a power cut the time is unknown until somebody tells it",
        remedy: "add a clock module if the times of messages matter after a cold boot without a network",
      };
  return [trust(machine, status, released, now), rtc];
}

function trust(machine: Machine, status: ClockStatus | undefined, released: number, now: number): Finding {
  const check = "clock";
  if (status?.state === "synced")
    return { check, level: "ok", message: `set, confirmed by ${status.by ?? "somebody"}` };
  if (status !== undefined) {
    const message = status.reason ?? `the agent takes the clock for ${status.state}`;
    return {
      check,
      level: status.state === "wrong" ? "fault" : "warning",
      message,
      remedy: "messages are marked and corrected later; docs/clock.md",
    };
  }
  if (now < released) {
    const message = `shows ${new Date(now).toISOString().slice(0, 10)}, before petiole was released`;
    return { check, level: "fault", message, remedy: "set it: timedatectl set-time, or let NTP do it" };
  }
  if (machine.access(TIMESYNCD) !== undefined) return { check, level: "ok", message: "set by systemd-timesyncd" };
  return { check, level: "unknown", message: "no running agent and no systemd-timesyncd says whether it is set" };
}
