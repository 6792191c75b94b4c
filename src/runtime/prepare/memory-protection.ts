import { readFileSync } from "node:fs";

/**
 * How V8 keeps WebAssembly code inside its memory: by guard regions around it, or by checks in the code. Code made for
 * the one is not safe under the other, and V8 does not tell them apart.
 */
export type MemoryProtection = "guard-regions" | "checks" | "unknown";

const GUARDED = 4 * 1024 ** 3;

/**
 * Finds out by making a memory: flags do not tell, since Node does without guard regions where there is not enough
 * address space for them.
 */
export function probeMemoryProtection(addressSpace: () => number | undefined = usedAddressSpace): MemoryProtection {
  const before = addressSpace();
  const memory = new WebAssembly.Memory({ initial: 0, maximum: 1 });
  const after = addressSpace();
  if (before === undefined || after === undefined || memory.buffer.byteLength !== 0) return "unknown";
  return after - before >= GUARDED ? "guard-regions" : "checks";
}

function usedAddressSpace(): number | undefined {
  try {
    const kilobytes = /^VmSize:\s*(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
  } catch {
    return undefined;
  }
}
