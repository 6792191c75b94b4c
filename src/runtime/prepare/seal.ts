// The seal of a cache entry: a keyed digest of the entry and of what it is for, so that an entry in another's place is
// no more accepted than one that was changed.
//
// HMAC-BLAKE2b: as fast as HMAC-SHA-256 where the processor has instructions for SHA, and two to five times as fast
// where it has not, as on most boards.

import { createHmac, timingSafeEqual, type KeyObject } from "node:crypto";
import { updateInSlices } from "../../lib/update-in-slices.ts";
import type { ModuleLimits } from "../limit-module.ts";

/** What an entry is for. */
export interface EntryId {
  /** Digest of the component. */
  readonly component: string;
  readonly engineKey: string;
  readonly limits: ModuleLimits;
}

/** What the names of a component's entries for one engine begin with. */
function entryPrefix({ component, engineKey }: Pick<EntryId, "component" | "engineKey">): string {
  return `${component.replace("sha256:", "")}-${engineKey}-`;
}

/** Name of the entry's file: no two ids have the same. */
export function entryName(id: EntryId): string {
  return `${entryPrefix(id)}${id.limits.maxPages}-${id.limits.maxTableEntries}${ENTRY_SUFFIX}`;
}

/** What an entry's file is for; undefined when it is not for this component and engine. */
export function parseEntryName(name: string, id: Pick<EntryId, "component" | "engineKey">): EntryId | undefined {
  const prefix = entryPrefix(id);
  const limits = name.startsWith(prefix) ? /^(\d+)-(\d+)\.entry$/.exec(name.slice(prefix.length)) : null;
  if (limits === null) return undefined;
  return { ...id, limits: { maxPages: Number(limits[1]), maxTableEntries: Number(limits[2]) } };
}

export const ENTRY_SUFFIX = ".entry";

export async function computeSeal(key: KeyObject, id: EntryId, pieces: Iterable<Uint8Array>): Promise<Buffer> {
  const hmac = createHmac("blake2b512", key);
  hmac.update(`petiole cache entry\n${entryName(id)}\n`);
  await updateInSlices(hmac, pieces);
  return hmac.digest();
}

export async function isSealed(key: KeyObject, id: EntryId, bytes: Uint8Array, seal: Uint8Array): Promise<boolean> {
  return timingSafeEqual(await computeSeal(key, id, [bytes]), seal);
}
