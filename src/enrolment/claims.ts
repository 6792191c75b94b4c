// The tokens (JWT) that say in a NATS hub who may do what. Three parts of base64url: header, claims, signature by the
// issuer's nkey. Version 2, as nats-server reads it from 2.2 on.

import { randomUUID } from "node:crypto";
import { z } from "zod";
import { isSignedBy, signText, type KeyText } from "./keys.ts";

const HEADER = { typ: "JWT", alg: "ed25519-nkey" } as const;
/** An account's grows with what is revoked in it; the server takes a message of this size. */
const MAX_TOKEN = 1024 * 1024;

export interface ClaimsInput {
  /** Public key of whom it is about. */
  readonly subject: string;
  readonly name: string;
  /** Seconds since 1970, by the clock of the issuer. */
  readonly issued: number;
  readonly expires?: number | undefined;
  readonly nats: Readonly<Record<string, unknown>>;
}

const claimsSchema = z.object({
  sub: z.string(),
  iss: z.string(),
  name: z.string().default(""),
  iat: z.int(),
  exp: z.int().optional(),
  nats: z.record(z.string(), z.unknown()),
});

export type Claims = z.infer<typeof claimsSchema>;

export function signClaims(issuer: KeyText, { subject, name, issued, expires, nats }: ClaimsInput): string {
  const claims = {
    jti: randomUUID(),
    iat: issued,
    iss: issuer.publicKey,
    name,
    sub: subject,
    ...(expires === undefined ? {} : { exp: expires }),
    nats: { ...nats, version: 2 },
  };
  const signed = `${encode(HEADER)}.${encode(claims)}`;
  return `${signed}.${signText(issuer.seed, signed)}`;
}

/** What a token says; undefined unless its issuer has signed it. */
export function readClaims(token: string): Claims | undefined {
  const parts = token.split(".");
  const [header, body, signature] = parts;
  if (token.length > MAX_TOKEN || parts.length !== 3) return undefined;
  if (header === undefined || body === undefined || signature === undefined) return undefined;
  if (decode(header)?.["alg"] !== HEADER.alg) return undefined;
  const claims = claimsSchema.safeParse(decode(body));
  if (!claims.success || !isSignedBy(claims.data.iss, `${header}.${body}`, signature)) return undefined;
  return claims.data;
}

/** The account that a user belongs to: named when a signing key of it has issued the token, else the issuer itself. */
export function accountOf({ iss, nats }: Claims): string {
  const account = nats["issuer_account"];
  return typeof account === "string" ? account : iss;
}

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

function decode(part: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
