import type { ComponentId } from "../../domain/workload.ts";
import { createExclusive } from "../../lib/exclusive.ts";
import type { Logger } from "../../lib/log.ts";
import type { StateStore } from "../ports.ts";
import { formatRecords, NOTHING_KNOWN, parseRecords, type VersionRecord } from "./version-record.ts";

/** What is remembered of every component's versions, over restarts and power cuts. */
export interface UpdateJournal {
  get(component: ComponentId): VersionRecord;
  /**
   * Resolves once the change is on disk.
   * @throws PetioleError ERR_STORE_FAILED; the change holds until the agent ends all the same
   */
  change(component: ComponentId, next: (record: VersionRecord) => VersionRecord): Promise<void>;
  /** Forgets all about other components. @throws PetioleError ERR_STORE_FAILED */
  retain(components: readonly ComponentId[]): Promise<void>;
  all(): ReadonlyMap<ComponentId, VersionRecord>;
}

const STATE = "component-versions";

/** @throws PetioleError ERR_STORE_FAILED when nobody can tell what worked before */
export async function openUpdateJournal(state: StateStore, log: Logger): Promise<UpdateJournal> {
  return createUpdateJournal(state, await state.load(STATE), log);
}

/** `text` is what the state has. */
export function createUpdateJournal(state: StateStore, text: string | undefined, log: Logger): UpdateJournal {
  const stored = text === undefined ? new Map<ComponentId, VersionRecord>() : parseRecords(text);
  if (stored === undefined) log.error("What was written down of component versions cannot be read and is left out");
  const records = new Map(stored);
  const exclusive = createExclusive();
  /** Of the disk. */
  let written = text;

  const save = (): Promise<void> =>
    exclusive.run(async () => {
      const next = formatRecords(records);
      if (next === written) return;
      await state.save(STATE, next);
      written = next;
    });

  return {
    get: (component) => records.get(component) ?? NOTHING_KNOWN,
    all: () => records,
    async change(component, next) {
      records.set(component, next(records.get(component) ?? NOTHING_KNOWN));
      await save();
    },
    async retain(components) {
      const wanted = new Set(components);
      const gone = [...records.keys()].filter((component) => !wanted.has(component));
      if (gone.length === 0) return;
      for (const component of gone) records.delete(component);
      await save();
    },
  };
}

/** One that lasts as long as the process. */
export const createForgetfulJournal = (log: Logger): UpdateJournal =>
  createUpdateJournal({ load: async () => undefined, save: async () => {} }, undefined, log);
