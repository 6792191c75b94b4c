import { z } from "zod";
import { kibibytes, laneRules, size } from "#provider";

export const outboxSchema = z.strictObject({});
export type OutboxConfig = z.infer<typeof outboxSchema>;

export const linkSchema = z.strictObject({
  /** What matches none is not granted. */
  lanes: laneRules().min(1),
  /** Larger messages are refused; `outbox.max_message` holds as well. */
  max_body: size().default(kibibytes(1024)),
});
export type LinkConfig = z.infer<typeof linkSchema>;
