import type { PollConfig, RegisterConfig } from "./config.ts";
import { MOST_BITS, MOST_WORDS, type Request } from "./frames.ts";
import { WORDS } from "./values.ts";

/** One request, and what is in its answer. */
export interface PlannedRead {
  readonly request: Extract<Request, { code: 1 | 2 | 3 | 4 }>;
  /** Entries of the table, by their index, and where their first bit or register is in the answer. */
  readonly entries: readonly { readonly index: number; readonly at: number }[];
}

const CODES = { coil: 1, discrete: 2, holding: 3, input: 4 } as const;

/** As few requests as the limits of a device and of the protocol allow. */
export function planReads({ registers, max_read, max_gap }: PollConfig): readonly PlannedRead[] {
  const sorted = registers
    .map((register, index) => ({ register, index }))
    .sort((a, b) => CODES[a.register.table] - CODES[b.register.table] || a.register.address - b.register.address);
  const reads: { code: 1 | 2 | 3 | 4; address: number; end: number; entries: { index: number; at: number }[] }[] = [];
  for (const { register, index } of sorted) {
    const code = CODES[register.table];
    const end = register.address + sizeOf(register);
    const last = reads.at(-1);
    const most = code <= 2 ? Math.min(MOST_BITS, max_read * 16) : Math.min(MOST_WORDS, max_read);
    if (
      last !== undefined &&
      last.code === code &&
      register.address <= last.end + max_gap &&
      Math.max(end, last.end) - last.address <= most
    ) {
      last.entries.push({ index, at: register.address - last.address });
      last.end = Math.max(end, last.end);
    } else {
      reads.push({ code, address: register.address, end, entries: [{ index, at: 0 }] });
    }
  }
  return reads.map(({ code, address, end, entries }) => ({
    request: { code, address, count: end - address },
    entries,
  }));
}

/** Bits or registers. */
export const sizeOf = ({ type }: RegisterConfig): number => WORDS[type];
