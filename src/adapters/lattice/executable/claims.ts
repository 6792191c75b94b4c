// What a provider archive says of itself: a JSON web token of wasmCloud's tools (wascap).

import { nkeys } from "@nats-io/transport-node";
import { z } from "zod";

const claimsSchema = z.object({
  iss: z.string(),
  sub: z.string(),
  wascap: z.object({
    name: z.string().nullish(),
    vendor: z.string().nullish(),
    rev: z.int().nullish(),
    ver: z.string().nullish(),
    target_hashes: z.record(z.string(), z.string()),
  }),
});

export interface ProviderClaims {
  readonly token: string;
  /** Public key of the account that vouches for it. */
  readonly issuer: string;
  /** Public key of the provider. */
  readonly subject: string;
  readonly name: string | undefined;
  readonly version: string | undefined;
  readonly revision: number | undefined;
  /** SHA-256 in upper-case hexadecimal digits, by target. */
  readonly hashes: Readonly<Record<string, string>>;
}

/** The claims of a token with a good signature, or what is wrong with it, as the second half of a sentence. */
export function readClaims(token: string): ProviderClaims | { readonly fault: string } {
  const [header = "", payload = "", signature = "", ...more] = token.split(".");
  if (more.length > 0 || signature === "") return { fault: "its claims are no JSON web token" };
  const parsed = claimsSchema.safeParse(parseJson(payload));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return { fault: `its claims cannot be read: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}` };
  }
  const { iss, sub, wascap } = parsed.data;
  if (!isSigned(iss, `${header}.${payload}`, signature)) {
    return { fault: `the signature of its claims does not fit their issuer ${iss.slice(0, 64)}` };
  }
  return {
    token,
    issuer: iss,
    subject: sub,
    name: wascap.name ?? undefined,
    version: wascap.ver ?? undefined,
    revision: wascap.rev ?? undefined,
    hashes: wascap.target_hashes,
  };
}

function isSigned(issuer: string, content: string, signature: string): boolean {
  try {
    return nkeys.fromPublic(issuer).verify(Buffer.from(content), Buffer.from(signature, "base64url"));
  } catch {
    return false;
  }
}

function parseJson(part: string): unknown {
  try {
    return JSON.parse(Buffer.from(part, "base64url").toString());
  } catch {
    return undefined;
  }
}
