import type { EntryContent } from "./entry-format.ts";
import { retainedSize } from "./retained-size.ts";

/** An entry that was read, and is intact. */
export interface Recalled {
  readonly entry: EntryContent;
  readonly engineKey: string;
  /** By this device. */
  readonly sealed: boolean;
}

/**
 * Keeps the entry of the component that was prepared last: as a rule it is started next. One of which much memory is
 * needed is read again instead, as nobody knows when it is started, or whether.
 */
export class RecentEntry {
  readonly #limit: number;
  #kept: Recalled | undefined;

  /** `limit` is in bytes. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  put(recalled: Recalled): void {
    this.#kept = sizeOf(recalled.entry) > this.#limit ? undefined : recalled;
  }

  take(component: string): Recalled | undefined {
    const kept = this.#kept;
    if (kept?.entry.component !== component) return undefined;
    this.#kept = undefined;
    return kept;
  }
}

function sizeOf({ inspection, glue, modules }: EntryContent): number {
  const views = [inspection];
  if (glue.codeCache !== undefined) views.push(glue.codeCache);
  for (const { wireBytes, machineCode } of modules.values()) {
    views.push(wireBytes);
    if (machineCode !== undefined) views.push(machineCode);
  }
  return glue.script.length + retainedSize(views);
}
