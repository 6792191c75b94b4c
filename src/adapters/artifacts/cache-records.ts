// The small files in the folder of artifacts.

import { z } from "zod";

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/);

export const referenceRecord = z.object({
  reference: z.string(),
  resolution: z.object({
    digest,
    manifest: digest.optional(),
    content: digest,
    size: z.int().min(0),
    annotations: z.record(z.string(), z.string()),
  }),
  /** Unix time in milliseconds by the device's clock, which may have been wrong. */
  resolvedAt: z.number(),
});

const holding = z.object({ reference: z.string(), digest, content: digest });

export const useRecord = z.object({
  component: z.string(),
  current: holding.optional(),
  previous: holding.optional(),
  next: digest.optional(),
});

export type ReferenceRecord = z.output<typeof referenceRecord>;
export type Holding = z.output<typeof holding>;
export type UseRecord = z.output<typeof useRecord>;
