import { z } from "zod";
import { duration } from "../lib/schema.ts";
import { findKeysFault, trustedKey } from "./trust-schema.ts";

/** `02:00-05:00`, in minutes of the day; one that ends before it begins goes over midnight. */
const window = z.string().transform((text, context) => {
  const match = /^([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)$/.exec(text);
  const [from, to] = match === null ? [0, 0] : [minuteOf(match[1], match[2]), minuteOf(match[3], match[4])];
  if (from !== to) return { from, to };
  context.addIssue(`found "${text}", want two different times of the day such as 02:00-05:00`);
  return z.NEVER;
});

const minuteOf = (hours = "", minutes = ""): number => Number(hours) * 60 + Number(minutes);

/** The block `agent_update`: which releases of petiole a device takes, and when. `path` makes paths absolute. */
export function agentUpdateSchema(path: z.ZodType<string, string>) {
  return z
    .strictObject({
      keys: z.array(trustedKey(path)).min(1).max(64),
      threshold: z.int().min(1).max(64).default(1),
      allow_downgrade: z.boolean().default(false),
      unsynced_clock: z.enum(["allow", "refuse"]).default("refuse"),
      window: window.optional(),
      settle: duration().prefault("1m"),
      offline_grace: duration().prefault("10m"),
      limit: duration().prefault("15m"),
    })
    .superRefine(({ keys, threshold, settle, offline_grace: grace, limit }, context) => {
      const fault = (at: string, message: string): void => context.addIssue({ code: "custom", path: [at], message });
      const found = findKeysFault(keys, threshold);
      if (found !== undefined) fault(found.at, found.message);
      if (limit <= settle || limit <= grace) fault("limit", "want more than settle and offline_grace");
    });
}

export type AgentUpdateConfig = Readonly<z.output<ReturnType<typeof agentUpdateSchema>>>;
