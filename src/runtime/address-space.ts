// How much address space the process may reserve, and how much instances take of it. V8 aborts the process when a stack
// finds no room, so what could need more than there is is refused before.

import { readFileSync } from "node:fs";
import { bytes, type Bytes } from "../domain/units.ts";

const GIB = 1024 ** 3;
// What V8 reserves for a memory when it catches accesses outside by guard pages, whatever the memory's own bound.
const GUARDED_MEMORY = 8 * GIB;
const DEFAULT_STACK = 984 * 1024;
const STACK_OVERHEAD = 16 * 1024;
// What the process takes beside instances: heaps that grow, threads, buffers. Measured: 970 MiB for a worker.
export const WORKER_SHARE = 1000 * 1024 ** 2;
const RESERVE = 256 * 1024 ** 2;

/** V8 options that decide over address space; as given to the process. */
export interface EngineOptions {
  readonly trapHandler: boolean;
  readonly stackSize: Bytes;
}

/** Reads the options of a command line; the last of several holds. */
export function engineOptions(argv: readonly string[]): EngineOptions {
  let trapHandler = true;
  let stackSize = DEFAULT_STACK;
  for (const [index, arg] of argv.entries()) {
    const [name, given] = arg.replace(/^--/, "").replaceAll("_", "-").split("=", 2);
    if (name === "disable-wasm-trap-handler" || name === "no-wasm-trap-handler") trapHandler = false;
    if (name === "wasm-stack-switching-stack-size") {
      const kilobytes = Number(given ?? argv[index + 1]);
      if (kilobytes > 0) stackSize = kilobytes * 1024;
    }
  }
  return { trapHandler, stackSize: bytes(stackSize) };
}

/** What an instance with memories of these bounds reserves, with the stack of the call that it may have. */
export function reservationOf(memories: readonly number[], { trapHandler, stackSize }: EngineOptions): number {
  const reserved = memories.map((bound) => (trapHandler ? Math.max(GUARDED_MEMORY, bound) : bound));
  return reserved.reduce((sum, one) => sum + one, stackSize + STACK_OVERHEAD);
}

/** The relevant files of /proc/self. */
export interface ProcessFiles {
  readonly limits: string;
  readonly maps: string;
  readonly status: string;
}

/** What is left of the address space that the process may use; Infinity when nothing says how much that is. */
export function addressSpaceLeft({ limits, maps, status }: ProcessFiles): number {
  const limit = Number(/^Max address space\s+(\d+)/m.exec(limits)?.[1] ?? Infinity);
  // The stack lies just below the end of what the kernel gives to a process.
  const highest = Number(`0x${/^[0-9a-f]+-([0-9a-f]+) .*\[stack\]$/m.exec(maps)?.[1] ?? ""}`);
  const kernel = Number.isNaN(highest) ? Infinity : 2 ** Math.ceil(Math.log2(highest));
  const used = Number(/^VmSize:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
  return Math.max(0, Math.min(limit, kernel) - used);
}

/** What instances may reserve in this process, beside `workers` workers. */
export function probeAddressSpace(workers: number): number {
  try {
    const read = (name: string): string => readFileSync(`/proc/self/${name}`, "utf8");
    const left = addressSpaceLeft({ limits: read("limits"), maps: read("maps"), status: read("status") });
    return Math.max(0, left - RESERVE - workers * WORKER_SHARE);
  } catch {
    return Infinity; // There is no /proc, so nothing to go by.
  }
}

/** Keeps account of what is reserved. */
export class AddressSpace {
  readonly #budget: number;
  #reserved = 0;

  constructor(budget: number) {
    this.#budget = budget;
  }

  get budget(): number {
    return this.#budget;
  }

  get reserved(): number {
    return this.#reserved;
  }

  /** Disposing what it returns gives the space back. Undefined when there is not so much left. */
  reserve(size: number): Disposable | undefined {
    if (this.#reserved + size > this.#budget) return undefined;
    this.#reserved += size;
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (held) this.#reserved -= size;
        held = false;
      },
    };
  }
}
