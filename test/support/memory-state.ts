import { createUpdateJournal, type UpdateJournal } from "../../src/host/update/journal.ts";
import type { StateStore } from "../../src/host/ports.ts";
import { silentLogger } from "../../src/lib/log.ts";

export function createMemoryState(texts = new Map<string, string>()): StateStore {
  return {
    load: async (name) => texts.get(name),
    save: async (name, value) => {
      if (value === undefined) texts.delete(name);
      else texts.set(name, value);
    },
  };
}

export const memoryJournal = (): UpdateJournal => createUpdateJournal(createMemoryState(), undefined, silentLogger);
