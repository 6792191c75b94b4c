// What the device keeps of the links that were swapped. Pure.

import { z } from "zod";
import type { LinkSwap } from "../domain/link-swap.ts";

const record = z.object({
  swaps: z.array(
    z.object({
      of: z.object({ name: z.string(), source: z.string(), target: z.string(), interfaces: z.array(z.string()) }),
      to: z.string(),
      config: z.unknown(),
    }),
  ),
});

/** Undefined for what cannot be a record. */
export function parseSwaps(text: string): readonly LinkSwap[] | undefined {
  try {
    const result = record.safeParse(JSON.parse(text));
    return result.success ? result.data.swaps : undefined;
  } catch {
    return undefined;
  }
}

export const formatSwaps = (swaps: readonly LinkSwap[]): string => JSON.stringify({ swaps });
