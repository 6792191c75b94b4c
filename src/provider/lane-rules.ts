import { z } from "zod";
import { LANES, type Lane } from "../domain/outbox.ts";
import type { Millis } from "../domain/units.ts";
import { duration } from "../lib/schema.ts";
import { isPattern, matchesSubject } from "../lib/subject.ts";

/** A NATS subject in the configuration of a link, with wildcards. */
export const subjectPattern = () =>
  z.string().refine(isPattern, "want a NATS subject, such as alarms.boiler, alarms.* or alarms.>");

/** Which messages of a link are stored, and how. The first rule that matches a subject decides. */
export const laneRules = () =>
  z.array(z.strictObject({ subject: subjectPattern(), lane: z.enum(LANES), ttl: duration().optional() })).max(64);

export interface LaneRule {
  readonly subject: string;
  readonly lane: Lane;
  /** Longest that a message is worth sending; the lane's own limit holds as well. */
  readonly ttl?: Millis | undefined;
}

export function laneRuleFor(rules: readonly LaneRule[], subject: string): LaneRule | undefined {
  return rules.find((rule) => matchesSubject(rule.subject, subject));
}
