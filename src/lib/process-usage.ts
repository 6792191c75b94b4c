// What the kernel says of this process, beyond what Node tells.

import { readFileSync } from "node:fs";

export interface ProcessUsage {
  /** Bytes in memory that no file stands behind. */
  readonly anonymous: number | undefined;
  /** Bytes written to disks, by this process alone. */
  readonly written: number | undefined;
}

export function readProcessUsage(folder = "/proc/self"): ProcessUsage {
  const anonymous = numberAfter(`${folder}/status`, /^RssAnon:\s+(\d+) kB$/m);
  return {
    anonymous: anonymous === undefined ? undefined : anonymous * 1024,
    written: numberAfter(`${folder}/io`, /^write_bytes: (\d+)$/m),
  };
}

function numberAfter(path: string, pattern: RegExp): number | undefined {
  try {
    const found = pattern.exec(readFileSync(path, "utf8"))?.[1];
    return found === undefined ? undefined : Number(found);
  } catch {
    return undefined;
  }
}
