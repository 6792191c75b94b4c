import {
  WitError,
  headerProblem,
  isPetioleError,
  isSubject,
  laneRuleFor,
  millis,
  type Binding,
  type LinkContext,
  type Millis,
  type Outbox,
  type PublishOutcome,
} from "#provider";
import type { LinkConfig } from "./config.ts";

export const PUBLISHER = "petiole:outbox/publisher";

/** The enum `error-code`. */
type PublishError =
  | "shed"
  | "full"
  | "quota-exceeded"
  | "too-large"
  | "invalid-subject"
  | "invalid-header"
  | "not-granted"
  | "unavailable";

interface Receipt {
  readonly outcome: PublishOutcome;
  readonly sequence: bigint;
}

/** Serves one link over the host's outbox. */
export function bindOutbox(link: LinkContext<LinkConfig>, outbox: Outbox): Binding {
  const { lanes, max_body: maxBody } = link.config;
  const publish = async (
    subject: string,
    headers: readonly (readonly [string, string])[],
    body: Uint8Array,
    ttl: bigint | undefined,
  ): Promise<Receipt> => {
    if (!isSubject(subject)) throw new WitError("invalid-subject" satisfies PublishError);
    if (headers.some(([name, value]) => headerProblem(name, value) !== undefined)) {
      throw new WitError("invalid-header" satisfies PublishError);
    }
    const rule = laneRuleFor(lanes, subject);
    if (rule === undefined) throw new WitError("not-granted" satisfies PublishError);
    if (body.byteLength > maxBody) throw new WitError("too-large" satisfies PublishError);
    try {
      const { outcome, seq } = await outbox.publish({
        lane: rule.lane,
        subject,
        headers: Object.fromEntries(headers),
        body,
        owner: link.component,
        ttl: shorter(ttl, rule.ttl),
      });
      return { outcome, sequence: BigInt(seq) };
    } catch (error) {
      const code = errorCodeOf(error);
      throw code === undefined ? error : new WitError(code);
    }
  };
  return { functions: { [PUBLISHER]: { publish } }, [Symbol.asyncDispose]: async () => {} };
}

/** Longest that a number of milliseconds can say; a component may ask for any 64 bits. */
const LONGEST = BigInt(Number.MAX_SAFE_INTEGER);

function shorter(asked: bigint | undefined, limit: Millis | undefined): Millis | undefined {
  if (asked === undefined) return limit;
  const wanted = Number(asked < 1n ? 1n : asked > LONGEST ? LONGEST : asked);
  return millis(Math.min(wanted, limit ?? wanted));
}

/** What a component is told; undefined for what it has no part in, which ends its call. */
function errorCodeOf(error: unknown): PublishError | undefined {
  if (!isPetioleError(error)) return undefined;
  if (error.code === "ERR_OUTBOX_SHED") return "shed";
  if (error.code === "ERR_OUTBOX_FULL") return "full";
  if (error.code === "ERR_OUTBOX_QUOTA") return "quota-exceeded";
  if (error.code === "ERR_OUTBOX_TOO_LARGE") return "too-large";
  if (error.code === "ERR_STORE_FAILED" || error.code === "ERR_STORE_VOLATILE") return "unavailable";
  return undefined;
}
