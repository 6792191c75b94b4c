// The board and its kernel: power, heat, memory, address space. Pure but for what `machine` reads.

import { judgeMemoryLimits } from "../lib/memory-limits.ts";
import type { Finding } from "./finding.ts";
import type { Machine } from "./machine.ts";

const GIB = 1024 ** 3;
const LOW_MEMORY = 64 * 1024 ** 2;
const HOT = 80;
/** Bits of the firmware's word on a Raspberry Pi: what is so now, and what was so since boot. */
const THROTTLED = [
  { bit: 0, text: "the supply voltage is too low now" },
  { bit: 2, text: "the processor is slowed down now" },
  { bit: 16, text: "the supply voltage was too low since boot" },
  { bit: 18, text: "the processor was slowed down since boot" },
] as const;

export function examineBoard(machine: Machine): Finding[] {
  return [model(machine), ...power(machine), ...heat(machine), memory(machine)];
}

function model(machine: Machine): Finding {
  const name =
    machine.read("/proc/device-tree/model") ??
    machine.read("/sys/class/dmi/id/product_name") ??
    "a machine that does not say what it is";
  const kernel = machine.read("/proc/sys/kernel/osrelease") ?? "unknown";
  return { check: "board", level: "ok", message: `${name}, kernel ${kernel}` };
}

function power(machine: Machine): Finding[] {
  const text = machine.read("/sys/devices/platform/soc/soc:firmware/get_throttled");
  if (text === undefined) return [];
  const word = Number.parseInt(text, 16);
  if (Number.isNaN(word)) {
    return [{ check: "power", level: "unknown", message: `the firmware says "${text}", want a hexadecimal number` }];
  }
  const found = THROTTLED.filter(({ bit }) => (word & (1 << bit)) !== 0).map(({ text }) => text);
  if (found.length === 0) return [{ check: "power", level: "ok", message: "the firmware saw no lack of power" }];
  const remedy = "use the board's own power supply and a short, thick cable; cards are lost to low voltage";
  return [{ check: "power", level: "warning", message: found.join("; "), remedy }];
}

function heat(machine: Machine): Finding[] {
  const zones = machine.list("/sys/class/thermal").filter((name) => name.startsWith("thermal_zone"));
  const degrees = zones
    .map((zone) => Number(machine.read(`/sys/class/thermal/${zone}/temp`) ?? Number.NaN) / 1000)
    // Zones without a sensor behind them say zero, or what is no temperature.
    .filter((value) => value > 0 && value < 200);
  if (degrees.length === 0) return [];
  const hottest = Math.max(...degrees);
  const message = `${Math.round(hottest)} °C`;
  if (hottest < HOT) return [{ check: "heat", level: "ok", message }];
  return [
    { check: "heat", level: "warning", message, remedy: "the processor slows down from here on: cool the board" },
  ];
}

function memory(machine: Machine): Finding {
  const text = machine.read("/proc/meminfo") ?? "";
  const value = (name: string): number | undefined => {
    const match = new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text);
    return match === null ? undefined : Number(match[1]) * 1024;
  };
  const [total, available] = [value("MemTotal"), value("MemAvailable")];
  if (total === undefined || available === undefined) {
    return { check: "memory", level: "unknown", message: "/proc/meminfo cannot be read" };
  }
  const message = `${mebibytes(available)} of ${mebibytes(total)} are available`;
  if (available >= LOW_MEMORY) return { check: "memory", level: "ok", message };
  return {
    check: "memory",
    level: "warning",
    message,
    remedy: "preparing a new component takes up to 384 MiB for seconds",
  };
}

const SERVICE_GROUP = "/sys/fs/cgroup/system.slice/petiole.service";

/** Whether the kernel keeps the service within its memory. */
export function examineLimits(machine: Machine): Finding {
  const check = "limits";
  const lines = (path: string): readonly string[] => machine.read(path)?.split("\n") ?? [];
  const { max, reason } = judgeMemoryLimits({
    membership: undefined,
    controllers: machine.read("/sys/fs/cgroup/cgroup.controllers"),
    commandLine: machine.read("/proc/cmdline"),
    max: lines(`${SERVICE_GROUP}/memory.max`),
    high: lines(`${SERVICE_GROUP}/memory.high`),
  });
  if (reason !== undefined) return { check, level: "warning", message: reason };
  const message =
    max === undefined ? "the service has no limit of memory now" : `the service may take ${mebibytes(max)}`;
  return { check, level: "ok", message };
}

const mebibytes = (count: number): string => `${Math.round(count / 1024 ** 2)} MiB`;

/** `left`: what instances may reserve; `reserved` by those that run, when an agent said so. */
export function examineAddressSpace(
  left: number,
  instances: { readonly count: number; readonly reserved: number } | undefined,
): Finding {
  const check = "address space";
  if (left === Infinity) return { check, level: "unknown", message: "nothing says how much there is" };
  const space = `${Math.floor(left / GIB)} GiB for instances`;
  if (instances === undefined || instances.count === 0)
    return { check, level: left > GIB ? "ok" : "warning", message: space };
  const each = instances.reserved / instances.count;
  const room = Math.floor((left - instances.reserved) / Math.max(1, each));
  const message = `${space}; ${instances.count} run, room for ${room} more of their kind`;
  if (room >= instances.count) return { check, level: "ok", message };
  return {
    check,
    level: "warning",
    message,
    remedy: "a limit of address space (ulimit -v, LimitAS=) may be in the way",
  };
}
