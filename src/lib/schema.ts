import { z } from "zod";
import { parseDuration, parseSize, type Bytes, type Millis } from "../domain/units.ts";

/** A duration in configuration, such as `250ms` or `2s`. */
export const duration = (): z.ZodType<Millis, string> =>
  z.string().transform((text, context) => {
    const value = parseDuration(text);
    if (value !== undefined) return value;
    context.addIssue(`found "${text}", want a duration such as 250ms, 2s, 5m, 1h or 7d`);
    return z.NEVER;
  });

/** A size in configuration, such as `64KiB` or `32MiB`. */
export const size = (): z.ZodType<Bytes, string> =>
  z.string().transform((text, context) => {
    const value = parseSize(text);
    if (value !== undefined) return value;
    context.addIssue(`found "${text}", want a size such as 512B, 64KiB, 32MiB or 1GiB`);
    return z.NEVER;
  });
