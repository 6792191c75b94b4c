import { minutes, seconds, type Millis } from "../../domain/units.ts";
import { backoffDelay } from "../../lib/backoff.ts";

export interface ReconnectDelayInput {
  /** 0 is the first try after a connection was lost. */
  readonly attempt: number;
  /** How long there has been no connection. */
  readonly outage: Millis;
  readonly random?: (() => number) | undefined;
}

const FIRST = seconds(4);
const SHORT_OUTAGE = minutes(10);
/** With the limit of one attempt (10 s), a link that returns is used within 30 s. */
const CEILING_SHORT = seconds(15);
const CEILING_LONG = seconds(60);

/**
 * Pause before the next try to reach the hub. After a short outage the device is back soon. After a long one, which
 * a whole fleet has in common more often than not, a full minute is shared out among the devices.
 */
export function reconnectDelay({ attempt, outage, random }: ReconnectDelayInput): Millis {
  const max = outage < SHORT_OUTAGE ? CEILING_SHORT : CEILING_LONG;
  return backoffDelay(attempt, { initial: FIRST, max, ...(random === undefined ? {} : { random }) });
}
