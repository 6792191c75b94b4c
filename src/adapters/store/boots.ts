import { bootOffset, type Now } from "./row-age.ts";
import type { Database } from "./sqlite.ts";

export interface Boot {
  readonly number: number;
  /** The kernel's identity of it; `unknown` when the table was damaged. */
  readonly id: string;
  /** What to add to the time since that boot for Unix time; undefined when the clock was never set in it. */
  readonly offset: number | undefined;
}

/** Numbers the boots of the device, so that a row carries one byte for its boot and not 36. */
export interface Boots {
  readonly current: Boot;
  find(boot: number): Boot;
  /** What the clocks say about this boot now. Not written down before the next `register`. */
  observe(now: Now): void;
  /**
   * Writes this boot down with the first rows that mention it, and not at the start: an agent must start on a full
   * disk too. Forgets boots before the oldest that rows mention. Inside a transaction.
   */
  register(mentioned: () => readonly (number | undefined)[]): void;
  /** The transaction was committed. */
  registered(): void;
}

interface BootRow {
  readonly id: number;
  readonly boot_id: string;
  readonly wall_offset: number | null;
}

export function createBoots(db: Database, bootId: string): Boots {
  const rows = db.prepare<BootRow>("SELECT id, boot_id, wall_offset FROM boots ORDER BY id").all();
  const known = new Map(
    rows.map(({ id, boot_id, wall_offset }) => [id, { number: id, id: boot_id, offset: wall_offset ?? undefined }]),
  );
  const last = rows.at(-1);
  const number = last?.boot_id === bootId ? last.id : (last?.id ?? 0) + 1;
  let current: Boot = known.get(number) ?? { number, id: bootId, offset: undefined };
  /** As the table has it. */
  let saved: Boot | undefined = known.get(number);
  let saving: Boot | undefined;
  const upsert = db.prepare("INSERT OR REPLACE INTO boots (id, boot_id, wall_offset) VALUES (?, ?, ?)");
  const forget = db.prepare("DELETE FROM boots WHERE id < ?");
  return {
    get current() {
      return current;
    },
    find: (boot) => {
      if (boot === number) return current;
      return known.get(boot) ?? { number: boot, id: "unknown", offset: undefined };
    },
    observe: (now) => {
      const offset = bootOffset(current.offset, now);
      if (offset !== current.offset) current = { ...current, offset };
    },
    register: (mentioned) => {
      saving = undefined;
      if (saved?.offset === current.offset && saved !== undefined) return;
      if (saved === undefined) {
        const oldest = Math.min(number, ...mentioned().map((boot) => boot ?? number));
        forget.run(oldest);
      }
      upsert.run(number, bootId, current.offset ?? null);
      saving = current;
    },
    registered: () => {
      saved = saving ?? saved;
    },
  };
}
