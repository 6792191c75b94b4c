// One question to the fleet, and what its answer is worth.

import { PetioleError } from "../domain/errors.ts";
import { accountOf, readClaims } from "./claims.ts";
import { createKey } from "./keys.ts";
import type { Bundle, NewKeys } from "./record.ts";
import { parseAnswer } from "./protocol.ts";

export const createKeys = (): NewKeys => ({ key: createKey("user"), recovery: createKey("user") });

/**
 * @throws PetioleError ERR_ENROL_REFUSED, ERR_ENROL_UNREACHABLE when the fleet says that it may work later, or what
 * came is no answer
 */
export function readAnswer(body: string, fleet: string, keys: NewKeys): Bundle | undefined {
  const answer = parseAnswer(body);
  if (answer === undefined) throw new PetioleError("ERR_ENROL_UNREACHABLE", "Cannot use the fleet's answer");
  if (!answer.ok) {
    const code = answer.retryable ? "ERR_ENROL_UNREACHABLE" : "ERR_ENROL_REFUSED";
    throw new PetioleError(code, `The fleet refuses (${answer.refusal}): ${answer.message}`);
  }
  const { jwt, recovery: recoveryJwt } = answer;
  if (jwt === undefined || recoveryJwt === undefined) return undefined;
  const isOurs = (token: string, publicKey: string): boolean => {
    const claims = readClaims(token);
    return claims?.sub === publicKey && accountOf(claims) === fleet;
  };
  if (isOurs(jwt, keys.key.publicKey) && isOurs(recoveryJwt, keys.recovery.publicKey)) {
    return { key: keys.key, recovery: keys.recovery, jwt, recoveryJwt };
  }
  throw new PetioleError("ERR_ENROL_UNREACHABLE", "Cannot use the fleet's answer: it is for another device or fleet");
}
