// What processes take, by the kernel's own account.

import { readFileSync } from "node:fs";

/** In bytes. */
export interface ProcessMemory {
  readonly resident: number;
  /** As resident, with what several processes share divided among them. */
  readonly proportional: number;
  /** Lies in no file, so the kernel cannot drop it: what a device really pays. */
  readonly anonymous: number;
}

export function processMemory(pid: number): ProcessMemory {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const field = (name: string): number => {
    const found = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(rollup)?.[1];
    if (found === undefined) throw new Error(`Found no ${name} in /proc/${pid}/smaps_rollup`);
    return Number(found) * 1024;
  };
  return { resident: field("Rss"), proportional: field("Pss"), anonymous: field("Anonymous") };
}

/** Milliseconds of processor time that a process has had, in steps of 10. */
export function processorTime(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // Fields 14 and 15, in ticks of 10 ms; the name, which is the second, may have spaces.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** Processes that a process has started. */
export function childrenOf(pid: number): readonly number[] {
  // Children belong to the thread that started them, which here is the first.
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
}
