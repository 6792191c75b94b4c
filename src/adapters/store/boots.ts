import type { Database } from "./sqlite.ts";

/** Numbers the boots of the device, so that a row carries one byte for its boot and not 36. */
export interface Boots {
  /** Number of this boot. */
  readonly current: number;
  /** `unknown` when the table was damaged. */
  nameOf(boot: number): string;
  /**
   * Writes this boot down with the first rows that mention it, and not at the start: an agent must start on a full
   * disk too. Forgets boots before the oldest that rows mention. Inside a transaction.
   */
  register(mentioned: () => readonly (number | undefined)[]): void;
  /** The transaction was committed. */
  registered(): void;
}

export function createBoots(db: Database, bootId: string): Boots {
  const known = db.prepare<{ id: number; boot_id: string }>("SELECT id, boot_id FROM boots ORDER BY id").all();
  const names = new Map(known.map((row) => [row.id, row.boot_id]));
  const last = known.at(-1);
  let isRegistered = last?.boot_id === bootId;
  const current = (last?.id ?? 0) + (isRegistered ? 0 : 1);
  names.set(current, bootId);
  return {
    current,
    nameOf: (boot) => names.get(boot) ?? "unknown",
    register: (mentioned) => {
      if (isRegistered) return;
      const oldest = Math.min(current, ...mentioned().map((boot) => boot ?? current));
      db.prepare("DELETE FROM boots WHERE id < ?").run(oldest);
      db.prepare("INSERT INTO boots (id, boot_id) VALUES (?, ?)").run(current, bootId);
    },
    registered: () => {
      isRegistered = true;
    },
  };
}
