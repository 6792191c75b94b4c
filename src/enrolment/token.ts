// A token for one enrolment, as text: where the hub is, and a user of the hub that may ask for an enrolment and nothing
// else. Its seed is the secret of the token; the fleet keeps the public key alone.

import { z } from "zod";
import { PetioleError } from "../domain/errors.ts";
import { accountOf, readClaims } from "./claims.ts";
import { keyOfSeed } from "./keys.ts";

const PREFIX = "petiole1";
const MAX_TOKEN = 8192;

export interface EnrolmentToken {
  /** Of the hub's client port. */
  readonly urls: readonly string[];
  readonly jwt: string;
  readonly seed: string;
  /** Public key of the user that is the token. */
  readonly publicKey: string;
  /** Public key of the account in which the devices of the fleet are. */
  readonly fleet: string;
}

const place = z.strictObject({ u: z.array(z.string().max(512)).min(1).max(16) });

export function formatToken({ urls, jwt, seed }: Pick<EnrolmentToken, "urls" | "jwt" | "seed">): string {
  const where = Buffer.from(JSON.stringify({ u: urls })).toString("base64url");
  return [PREFIX, where, jwt, seed].join("~");
}

/**
 * Says nothing of what it found: it is a secret.
 * @throws PetioleError ERR_ENROL_TOKEN
 */
export function parseToken(text: string): EnrolmentToken {
  const found = text.length > MAX_TOKEN ? undefined : read(text.trim());
  if (found !== undefined) return found;
  const message = `Cannot use the enrolment token: want what \`petiole fleet token\` printed, from ${PREFIX}~ to the end`;
  throw new PetioleError("ERR_ENROL_TOKEN", message);
}

function read(text: string): EnrolmentToken | undefined {
  const [prefix, where = "", jwt = "", seed = "", ...rest] = text.split("~");
  if (prefix !== PREFIX || rest.length > 0) return undefined;
  const [claims, key] = [readClaims(jwt), keyOfSeed(seed, "user")];
  if (claims === undefined || key === undefined || claims.sub !== key.publicKey) return undefined;
  const urls = readUrls(where);
  return urls === undefined ? undefined : { urls, jwt, ...key, fleet: accountOf(claims) };
}

function readUrls(where: string): readonly string[] | undefined {
  try {
    const urls = place.parse(JSON.parse(Buffer.from(where, "base64url").toString("utf8"))).u;
    return urls.every((url) => /^(nats|tls|wss?):\/\/\S+$/.test(url) && URL.canParse(url)) ? urls : undefined;
  } catch {
    return undefined;
  }
}
