import { createHash } from "node:crypto";
import { closeSync, openSync, readFileSync, readSync } from "node:fs";

const AT_NULL = 0n;
/** The kernel's words for what the processor has: AT_HWCAP and AT_HWCAP2. */
const AT_FEATURES: readonly bigint[] = [16n, 26n];

/**
 * Names what the processor has beyond what all of its architecture have; "unknown" where the kernel does not tell. V8
 * compares the features that it uses by itself, so this only keeps entries of different processors apart.
 */
export function readCpuFeatures(arch: string = process.arch): string {
  try {
    return arch === "x64"
      ? featuresOfCpuInfo(readStart("/proc/cpuinfo"))
      : featuresOfAuxv(readFileSync("/proc/self/auxv"));
  } catch {
    return "unknown";
  }
}

/** From the auxiliary vector: pairs of 64-bit words, a type and its value. */
export function featuresOfAuxv(auxv: Buffer): string {
  const found: string[] = [];
  for (let offset = 0; offset + 16 <= auxv.byteLength; offset += 16) {
    const type = auxv.readBigUInt64LE(offset);
    if (type === AT_NULL) break;
    if (AT_FEATURES.includes(type)) found.push(auxv.readBigUInt64LE(offset + 8).toString(16));
  }
  return found.length === 0 ? "unknown" : found.join("-");
}

export function featuresOfCpuInfo(text: string): string {
  const flags = /^flags\s*:(.*)$/m.exec(text)?.[1];
  return flags === undefined ? "unknown" : createHash("sha256").update(flags.trim()).digest("hex").slice(0, 16);
}

/** The first processor's part: the kernel makes the text for each processor while it is read. */
function readStart(file: string): string {
  const descriptor = openSync(file, "r");
  try {
    const start = Buffer.alloc(8192);
    return start.toString("latin1", 0, readSync(descriptor, start));
  } finally {
    closeSync(descriptor);
  }
}
