// What a device remembers of the components it accepted, over restarts: so that an older version is known for one, and a
// digest that ran before can run again while nobody knows the time. Pure.

import { z } from "zod";
import type { Digest } from "../domain/workload.ts";
import { compareVersions } from "./version.ts";

/** The newest that was accepted of a name. */
export interface Newest {
  readonly version?: string | undefined;
  readonly revision?: number | undefined;
}

export interface TrustMemory {
  readonly names: ReadonlyMap<string, Newest>;
  /** That ran, the latest last. */
  readonly digests: readonly Digest[];
}

export const NOTHING_REMEMBERED: TrustMemory = { names: new Map(), digests: [] };

const MAX_DIGESTS = 256;

const memorySchema = z.strictObject({
  names: z.record(z.string(), z.strictObject({ version: z.string().optional(), revision: z.number().optional() })),
  digests: z.array(z.string()),
});

/** `memory` with one more acceptance. The same object when nothing changes. */
export function remember(memory: TrustMemory, name: string, digest: Digest, accepted: Newest): TrustMemory {
  const known = memory.names.get(name) ?? {};
  const newest = {
    version: newer(known.version, accepted.version),
    revision: higher(known.revision, accepted.revision),
  };
  const sameNewest = newest.version === known.version && newest.revision === known.revision;
  if (sameNewest && memory.digests.at(-1) === digest) return memory;
  const digests = [...memory.digests.filter((one) => one !== digest), digest].slice(-MAX_DIGESTS);
  return { names: sameNewest ? memory.names : new Map([...memory.names, [name, newest]]), digests };
}

export function formatMemory({ names, digests }: TrustMemory): string {
  return JSON.stringify({ names: Object.fromEntries(names), digests });
}

/** Undefined when the text is no memory. */
export function parseMemory(text: string): TrustMemory | undefined {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    return undefined;
  }
  const parsed = memorySchema.safeParse(raw);
  if (!parsed.success) return undefined;
  return { names: new Map(Object.entries(parsed.data.names)), digests: parsed.data.digests };
}

function newer(known: string | undefined, version: string | undefined): string | undefined {
  if (known === undefined || version === undefined) return known ?? version;
  return compareVersions(version, known) > 0 ? version : known;
}

function higher(known: number | undefined, revision: number | undefined): number | undefined {
  if (known === undefined || revision === undefined) return known ?? revision;
  return Math.max(known, revision);
}
