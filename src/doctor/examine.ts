import { outboxOptionsOf } from "../daemon/outbox-options.ts";
import { lanePoliciesOf } from "../adapters/store/options.ts";
import type { Config } from "../config/schema.ts";
import type { OutboxReport } from "../domain/outbox-report.ts";
import { LANES } from "../domain/outbox.ts";
import type { AgentStatus } from "../domain/status.ts";
import { RELEASED } from "../domain/version.ts";
import { examineAddressSpace, examineBoard, examineLimits } from "./board.ts";
import { examineClock, hasBatteryClock } from "./clock.ts";
import { examineDevices } from "./devices.ts";
import { examineDisk, examineWear } from "./disk.ts";
import { examinePapers } from "./expiry.ts";
import type { Finding } from "./finding.ts";
import { forecast, type Event, type LaneLoad } from "./forecast.ts";
import { hubSecrets } from "./hub-secrets.ts";
import type { Machine } from "./machine.ts";
import { examineName } from "./name.ts";
import { examineAgent } from "./running.ts";
import { examineServer } from "./server.ts";
import { agentUser } from "./user.ts";

/** What a message takes when none is there to measure; with what the store adds. */
export const ASSUMED_SIZE = 400;

export interface Facts {
  readonly machine: Machine;
  readonly config: Config;
  /** What a running agent answers; undefined without one. */
  readonly status: AgentStatus | undefined;
  readonly outbox: OutboxReport | undefined;
  readonly self: { readonly uid: number; readonly groups: readonly number[] };
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Unix milliseconds, as the device knows them. */
  readonly now: number;
  /** Bytes of address space that are left for instances. */
  readonly addressSpace: number;
}

export interface Examination {
  readonly findings: readonly Finding[];
  /** For a hub that stays away for so long; undefined unless asked. */
  readonly forecast: readonly Event[] | undefined;
}

/** Looks at everything that can be looked at without changing anything. `offline`: milliseconds to look ahead. */
export async function examine(facts: Facts, offline: number | undefined): Promise<Examination> {
  const { machine, config, status, outbox, now } = facts;
  const clock = examineClock(machine, status?.clock, Date.parse(RELEASED), now);
  const isSet = status === undefined ? clock[0]?.level === "ok" : status.clock.state === "synced";
  const papers = examinePapers(machine, config.hub, config.hub?.credentials_file, isSet ? now : undefined);
  const uptime = Number(machine.read("/proc/uptime")?.split(" ")[0] ?? 0);
  const growth = Math.max(0, config.outbox.max_size - (status?.outbox.stored ?? 0));
  const user = agentUser(machine, facts.self);
  const findings: Finding[] = [
    ...examineAgent(status),
    ...examineName(config),
    ...clock,
    ...examineBoard(machine),
    examineLimits(machine),
    ...examineDisk(machine, { stateDir: config.state_dir, cacheDir: config.cache_dir, growth }),
    ...examineWear(machine, uptime),
    examineAddressSpace(facts.addressSpace, status === undefined ? undefined : instancesOf(status)),
    ...(await examineServer(machine, config, facts.env)),
    ...papers.findings,
    ...examineDevices(machine, user, config.providers),
  ];
  if (offline === undefined) return { findings, forecast: undefined };
  const events = forecast({
    window: offline,
    now: isSet ? now : undefined,
    lanes: laneLoads(config, outbox),
    cap: config.outbox.max_size,
    free: machine.space(config.state_dir)?.free,
    expiries: papers.expiries,
    hubSecrets: hubSecrets(config),
    inboxAge: config.hub?.inbox.max_age,
    batteryClock: hasBatteryClock(machine),
  });
  return { findings, forecast: events };
}

function instancesOf({ components }: AgentStatus): { readonly count: number; readonly reserved: number } {
  const sum = (values: readonly number[]): number => values.reduce((all, one) => all + one, 0);
  return { count: sum(components.map((one) => one.instances)), reserved: sum(components.map((one) => one.reserved)) };
}

/** What each lane holds and takes in, by the last minute of a running agent; nothing goes in without one. */
export function laneLoads(config: Config, report: OutboxReport | undefined): LaneLoad[] {
  const policies = lanePoliciesOf(outboxOptionsOf(config));
  return LANES.map((lane) => {
    const stats = report?.stats.lanes.find((one) => one.lane === lane);
    const rows = stats?.rows ?? 0;
    return {
      lane,
      policy: policies[lane],
      bytes: stats?.bytes ?? 0,
      oldestAge: stats?.oldestAge,
      rate: report?.rates.find((one) => one.lane === lane)?.accepted ?? 0,
      size: rows === 0 ? ASSUMED_SIZE : Math.max(1, (stats?.bytes ?? 0) / rows),
    };
  });
}
