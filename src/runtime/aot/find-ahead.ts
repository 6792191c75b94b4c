// Entries that were compiled ahead of time lie beside the component: app.wasm.aot, or app.wasm.<any name>.aot for one
// of several machines.

import type { KeyObject } from "node:crypto";
import { readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { readRegularFile } from "../../lib/files.ts";
import type { EntryContent } from "../prepare/entry-format.ts";
import { MAX_SIGNED_ENTRY_SIZE } from "../prepare/size-limits.ts";
import { openSignedEntry, type Refusal, type Wanted } from "./signed-entry.ts";
import { reasonOf } from "../../lib/reason.ts";

export interface FoundAhead {
  /** The first that fits. */
  readonly taken: { readonly file: string; readonly content: EntryContent } | undefined;
  readonly refused: readonly { readonly file: string; readonly refusal: Refusal }[];
}

const SUFFIX = ".aot";
/** More are not looked at. */
const MAX_FILES = 16;

/** @throws the signal's reason when aborted */
export async function findAhead(
  component: string,
  trusted: readonly KeyObject[],
  wanted: Wanted,
  signal: AbortSignal,
): Promise<FoundAhead> {
  const folder = dirname(component);
  const name = basename(component);
  // A folder that cannot be read holds nothing for us.
  const names = (await readdir(folder).catch(() => [])).filter(
    (one) => one === `${name}${SUFFIX}` || (one.startsWith(`${name}.`) && one.endsWith(SUFFIX)),
  );
  const refused: { readonly file: string; readonly refusal: Refusal }[] = [];
  for (const one of names.sort().slice(0, MAX_FILES)) {
    const file = join(folder, one);
    try {
      const { bytes } = await readRegularFile(file, { maxSize: MAX_SIGNED_ENTRY_SIZE, signal });
      const opened = await openSignedEntry(bytes, trusted, wanted, signal);
      if ("content" in opened) return { taken: { file, content: opened.content }, refused };
      refused.push({ file, refusal: opened.refusal });
    } catch (error) {
      signal.throwIfAborted();
      const found = reasonOf(error);
      refused.push({ file, refusal: { reason: "damaged", found } });
    }
  }
  return { taken: undefined, refused };
}
