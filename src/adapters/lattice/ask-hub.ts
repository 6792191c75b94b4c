import { PetioleError, type ErrorCode } from "../../domain/errors.ts";
import { describeNatsError, isNoResponders, jetStreamCode } from "./nats-error.ts";

export interface HubQuestion {
  /** What cannot be done without an answer, such as `use the hub's inbox`. */
  readonly what: string;
  /** JetStream domain of the hub. */
  readonly domain: string | undefined;
  /** For an answer that says no. */
  readonly code: ErrorCode;
}

/**
 * Asks JetStream something.
 * @throws PetioleError the question's code when the hub refuses, ERR_LATTICE_UNREACHABLE when it cannot be reached
 */
export async function askHub<T>({ what, domain, code }: HubQuestion, request: () => Promise<T>): Promise<T> {
  try {
    return await request();
  } catch (cause) {
    if (cause instanceof PetioleError) throw cause;
    const refusal = jetStreamCode(cause);
    const where = domain === undefined ? "" : ` in the domain "${domain}"`;
    if (isNoResponders(cause)) {
      throw new PetioleError(code, `Cannot ${what}: no JetStream answers${where}; is the link up, and JetStream on?`, {
        cause,
      });
    }
    const reason = describeNatsError(cause);
    if (refusal !== undefined) throw new PetioleError(code, `Cannot ${what}: ${reason} (${refusal})`, { cause });
    throw new PetioleError("ERR_LATTICE_UNREACHABLE", `Cannot ${what}: ${reason}`, { cause });
  }
}
