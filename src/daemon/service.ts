import type { ServiceStatus } from "../domain/status.ts";
import { millis, seconds } from "../domain/units.ts";
import type { Clock } from "../lib/clock.ts";
import type { SendDatagram } from "../lib/device-io.ts";
import type { Logger } from "../lib/log.ts";
import { readMemoryLimits, type MemoryLimits } from "../lib/memory-limits.ts";
import { readProcessUsage } from "../lib/process-usage.ts";
import { planFeeding, type FeedingState } from "../lib/systemd/feeding.ts";
import { createNotifier, notifySocket, watchdogPeriod, type Notify, type ServiceEnv } from "../lib/systemd/notify.ts";
import { startWatchdog, type Watchdog, type Witness } from "../lib/systemd/watchdog.ts";

export interface ServiceDeps {
  readonly env: ServiceEnv;
  readonly pid: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** Log lines that were left out. */
  readonly suppressed?: () => number;
  /** Stand in for the add-on and the kernel in tests. */
  readonly openSender?: () => SendDatagram;
  readonly limits?: MemoryLimits;
}

/** The agent as a service of systemd, and as a process like any other where there is no systemd. */
export interface Service extends Disposable {
  /** From now on the agent lives as long as this gets something done, besides what was named before. */
  watch(witness: Witness): void;
  /** What was to be started had its first try. `describe` says for people what the agent is at, whenever it is asked. */
  ready(describe: () => string): void;
  stopping(): void;
  status(): ServiceStatus;
}

/** How often it is looked whether the start goes on, and how long that may take from then on. */
const LOOK = seconds(10);
const EXTENSION = seconds(60);
const SILENT: Notify = () => {};

export function openService({ env, pid, clock, log, suppressed = () => 0, openSender, ...deps }: ServiceDeps): Service {
  const socket = notifySocket(env);
  if (socket === undefined && env["NOTIFY_SOCKET"] !== undefined) {
    log.warn("The service manager cannot be told: its socket is of no known kind", { socket: env["NOTIFY_SOCKET"] });
  }
  const notify = socket === undefined ? SILENT : createNotifier({ socket, log, openSender });
  const period = socket === undefined ? undefined : watchdogPeriod(env, pid);
  const limits = deps.limits ?? readMemoryLimits();
  sayLimits(limits, socket !== undefined, log);
  const witnesses: Witness[] = [];
  const stop = new AbortController();
  let watchdog: Watchdog | undefined;
  let describe = (): string => "starting";
  let told = "";
  let isReady = false;

  /** Until it is ready, a start that goes on is given more time; afterwards what it is at is told when that changes. */
  async function keepTold(): Promise<void> {
    let state: FeedingState = { fedAt: clock.monotonic(), counts: new Map() };
    for (;;) {
      const text = describe();
      notify(...(text === told ? [] : [{ kind: "status", text } as const]));
      told = text;
      for (const one of witnesses) one.probe();
      await clock.sleep(LOOK, stop.signal).catch(() => {});
      if (stop.signal.aborted) return;
      if (isReady) continue;
      const sightings = witnesses.map((one) => ({
        name: one.name,
        count: one.count(),
        excusedUntil: one.excusedUntil?.(),
      }));
      const next = planFeeding(state, sightings, { now: clock.monotonic(), pause: millis(0) });
      ({ state } = next);
      if (next.feed) notify({ kind: "extend", by: EXTENSION });
    }
  }

  if (socket !== undefined) void keepTold();

  return {
    watch: (witness) => void witnesses.push(witness),
    ready(say) {
      describe = say;
      isReady = true;
      told = say();
      notify({ kind: "ready" }, { kind: "status", text: told });
      if (period !== undefined) watchdog = startWatchdog({ period, witnesses: () => witnesses, notify, clock, log });
    },
    stopping() {
      stop.abort();
      watchdog?.[Symbol.dispose]();
      notify({ kind: "stopping" }, { kind: "status", text: "stopping" });
    },
    status() {
      const { anonymous, written } = readProcessUsage();
      const { state, max, high, reason } = limits;
      const { user, system } = process.cpuUsage();
      return {
        cpu: (user + system) / 1e6,
        watchdog: watchdog?.report(),
        memory: { anonymous, limits: state, max, high, reason },
        written,
        suppressed: suppressed(),
      };
    },
    [Symbol.dispose]() {
      stop.abort();
      watchdog?.[Symbol.dispose]();
    },
  };
}

/** Without a service manager nobody has set limits, and nobody misses them. */
function sayLimits({ state, max, high, reason }: MemoryLimits, isService: boolean, log: Logger): void {
  if (state === "off" && isService) log.warn("Limits of memory are ignored", { reason });
  else log.debug("Limits of memory", { state, max, high, reason });
}
