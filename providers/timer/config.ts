import { z } from "zod";
import { duration, millis, minutes, parseDuration, seconds, type Millis } from "#provider";
import { parseCron } from "./cron.ts";
import { CATCH_UPS } from "./series.ts";
import { createZone } from "./zone.ts";

const EVERY = "@every ";

const works = (use: () => unknown): string | undefined => {
  try {
    use();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
};

const cron = z.string().superRefine((text, context) => {
  const message = text.startsWith(EVERY)
    ? parseDuration(text.slice(EVERY.length)) === undefined
      ? "want a duration after @every, such as @every 5m"
      : undefined
    : works(() => parseCron(text));
  if (message !== undefined) context.addIssue(message);
});

const zone = z
  .string()
  .refine((name) => works(() => createZone(name)) === undefined, "want a time zone, such as Europe/Berlin or UTC");

const policy = z.enum(CATCH_UPS).default("skip");

const timer = z
  .strictObject({
    every: duration().optional(),
    cron: cron.optional(),
    /** The device's own unless given. */
    zone: zone.optional(),
    /** Times that passed while the agent or its power was off, or the clock was not right. */
    missed: policy,
    /** Times that passed while the component worked on the one before. */
    overlap: policy,
    /** Most firings of one `all`. */
    max_catch_up: z.int().min(1).max(100).default(10),
    jitter: duration().default(millis(0)),
    /** Cron while nobody knows whether the clock is right. */
    unsynced_clock: z.enum(["wait", "fire"]).default("wait"),
    payload: z.string().max(65_536).default(""),
    retry: z
      .strictObject({
        attempts: z.int().min(1).max(100).default(3),
        initial: duration().default(seconds(1)),
        max: duration().default(minutes(1)),
      })
      .prefault({}),
  })
  .transform(({ every, cron: text, ...rest }, context) => {
    const written = text?.startsWith(EVERY) === true ? parseDuration(text.slice(EVERY.length)) : undefined;
    if ((every === undefined) === (text === undefined)) {
      context.addIssue("want either every or cron");
      return z.NEVER;
    }
    const period = every ?? written;
    if (period === undefined) return { ...rest, period, cron: text ?? "" };
    if (period < 10 || period > YEAR)
      context.addIssue({ code: "custom", path: ["every"], message: "want 10ms to 366d" });
    if (rest.jitter >= period) context.addIssue({ code: "custom", path: ["jitter"], message: "want less than every" });
    if (rest.zone !== undefined) {
      context.addIssue({ code: "custom", path: ["zone"], message: "an interval has no time zone" });
    }
    return { ...rest, period, cron: undefined };
  });
const YEAR = 366 * 86_400_000;

export type TimerConfig = Readonly<z.infer<typeof timer>> &
  ({ readonly period: Millis; readonly cron: undefined } | { readonly period: undefined; readonly cron: string });

export const timerSchema = z.strictObject({});

export const linkSchema = z.strictObject({
  timers: z
    .record(z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, "want letters, digits, - and _, at most 64"), timer)
    .refine((timers) => Object.keys(timers).length > 0 && Object.keys(timers).length <= 64, "want 1 to 64 timers"),
});
export type LinkConfig = z.infer<typeof linkSchema>;
