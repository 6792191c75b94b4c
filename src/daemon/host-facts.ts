import { arch, cpus, freemem, networkInterfaces, platform, release, totalmem } from "node:os";
import { hostname as systemHostname } from "node:os";

export interface MachineFacts {
  readonly osArch: string;
  readonly osName: string;
  readonly osKernel: string;
  /** Percent since it was asked before. */
  readonly systemCpuUsage: number;
  /** Bytes. */
  readonly systemMemoryTotal: number;
  readonly systemMemoryFree: number;
}

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "x86_64", arm64: "aarch64" };

/** Tells of the machine whenever it is asked. */
export function createMachineFacts(): () => MachineFacts {
  let before = cpuTimes();
  return () => {
    const now = cpuTimes();
    const total = now.total - before.total;
    const busy = total <= 0 ? 0 : 1 - (now.idle - before.idle) / total;
    before = now;
    return {
      osArch: ARCHITECTURES[arch()] ?? arch(),
      osName: platform(),
      osKernel: release(),
      systemCpuUsage: Math.round(Math.min(1, Math.max(0, busy)) * 1000) / 10,
      systemMemoryTotal: totalmem(),
      systemMemoryFree: freemem(),
    };
  };
}

function cpuTimes(): { readonly total: number; readonly idle: number } {
  const times = cpus().map((cpu) => cpu.times);
  const sum = (values: readonly number[]): number => values.reduce((all, one) => all + one, 0);
  return { total: sum(times.flatMap((one) => Object.values(one))), idle: sum(times.map((one) => one.idle)) };
}

/** Where others may reach this machine: its first address of IPv4, else its name. */
export function ownAddress(): string {
  const addresses = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
  return addresses.find(({ family, internal }) => family === "IPv4" && !internal)?.address ?? systemHostname();
}
