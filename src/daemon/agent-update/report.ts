import { randomUUID } from "node:crypto";
import type { Outbox } from "../../provider/services.ts";

/** Subject in the outbox: the hub has it as `petiole.<device>.critical.agent-update`. */
const SUBJECT = "agent-update";
const TYPE = "petiole.agent.update.";

/**
 * `accepted`: it proved itself. `rolled-back`: it did not, and the version before runs. `refused`: it was not installed.
 * `interrupted`: it was never started, as the power went.
 */
export type UpdateOutcome = "accepted" | "rolled-back" | "refused" | "interrupted";

export interface UpdateEvent {
  readonly from: string;
  readonly to: string;
  readonly digest?: string | undefined;
  readonly code?: string | undefined;
  readonly reason?: string | undefined;
}

/** Tells whoever manages the device, as a CloudEvent of the critical lane: it is on disk when this resolves. */
export async function reportUpdate(
  outbox: Outbox,
  device: string,
  outcome: UpdateOutcome,
  data: UpdateEvent,
  now: Date,
): Promise<void> {
  const event = {
    specversion: "1.0",
    id: randomUUID(),
    source: `petiole/${device}`,
    type: `${TYPE}${outcome}`,
    time: now.toISOString(),
    datacontenttype: "application/json",
    data,
  };
  await outbox.publish({
    lane: "critical",
    subject: SUBJECT,
    headers: { "content-type": "application/cloudevents+json" },
    body: Buffer.from(JSON.stringify(event)),
  });
}
