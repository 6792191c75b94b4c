// What the device keeps of the links that were swapped. Pure.

import { z } from "zod";
import type { LinkSwap } from "../domain/link-swap.ts";
import { findReferences, recallReferences } from "../lib/secret-references.ts";

const record = z.object({
  swaps: z.array(
    z.object({
      of: z.object({ name: z.string(), source: z.string(), target: z.string(), interfaces: z.array(z.string()) }),
      to: z.string(),
      /** A link may have none. */
      config: z.unknown().optional(),
      /** Where secrets stand in it. What only looks like one was none before, and is none now. */
      secrets: z.array(z.array(z.union([z.string(), z.number()]))).optional(),
    }),
  ),
});

/** Undefined for what cannot be a record. */
export function parseSwaps(text: string): readonly LinkSwap[] | undefined {
  try {
    const result = record.safeParse(JSON.parse(text));
    if (!result.success) return undefined;
    return result.data.swaps.map(({ secrets = [], config, ...swap }) => ({
      ...swap,
      config: recallReferences(config, secrets),
    }));
  } catch {
    return undefined;
  }
}

export function formatSwaps(swaps: readonly LinkSwap[]): string {
  const stored = swaps.map((swap) => {
    const secrets = findReferences(swap.config).map(({ path }) => path);
    return secrets.length === 0 ? swap : { ...swap, secrets };
  });
  return JSON.stringify({ swaps: stored });
}
