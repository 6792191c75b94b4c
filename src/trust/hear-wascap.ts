// Claims of wasmCloud's tools (wascap): a JSON web token that the issuer, an account, signed with Ed25519.

import { z } from "zod";
import { decodeBase64Url } from "./base64.ts";
import { keysFor, type Finding, type Heard, type PinnedKey } from "./claim.ts";
import { isSignedBy, nkeyOf } from "./keys.ts";
import { isVersion } from "./version.ts";

/** Before it, the hash of the claims was of something else. */
const MIN_REVISION = 3;

const headerSchema = z.object({ typ: z.literal("jwt"), alg: z.literal("Ed25519") });

const seconds = z.int().min(0);
const claimsSchema = z.object({
  iss: z.string(),
  sub: z.string().min(1),
  nbf: seconds.nullish(),
  exp: seconds.nullish(),
  wascap_revision: z.int().nullish(),
  wascap: z.object({
    name: z.string().nullish(),
    /** Of a component. */
    hash: z.string().nullish(),
    /** Of a provider's binaries. */
    target_hashes: z.record(z.string(), z.string()).nullish(),
    rev: z.int().nullish(),
    ver: z.string().nullish(),
  }),
});

export interface WascapSubject {
  /** Of the component without its tokens, or of the binary for `target`, in upper-case hexadecimal digits. */
  readonly hash: string;
  readonly target?: string | undefined;
}

/** What a token says. */
export function hearWascap(token: string, pinned: readonly PinnedKey[], { hash, target }: WascapSubject): Heard {
  const parts = token.split(".");
  const [header, claims, signature] = parts.map(decodeBase64Url);
  if (parts.length !== 3 || header === undefined || claims === undefined || signature === undefined) {
    return fail("malformed", "its claims cannot be read: they are no JSON web token");
  }
  const head = headerSchema.safeParse(parseJson(header));
  const body = claimsSchema.safeParse(parseJson(claims));
  if (!head.success) return fail("malformed", "its claims cannot be read: want a token of type jwt with Ed25519");
  if (!body.success) {
    const [issue] = body.error.issues;
    const where = issue === undefined ? "" : `: ${issue.path.join(".")}: ${issue.message}`;
    return fail("malformed", `its claims cannot be read${where}`);
  }
  const { iss, sub, nbf, exp, wascap_revision, wascap } = body.data;
  const signer = keysFor(pinned, "wascap").find((key) => nkeyOf(key) === iss);
  if (signer === undefined) return fail("unknown-signer", `its claims are issued by ${iss}`);
  if (!isSignedBy(signer, Buffer.from(token.slice(0, token.lastIndexOf("."))), signature)) {
    return fail("bad-signature", `the signature of its claims does not fit the key "${signer.name}"`);
  }
  if ((wascap_revision ?? 0) < MIN_REVISION) {
    return fail(
      "malformed",
      `its claims are of revision ${wascap_revision ?? 0}: want ${MIN_REVISION}, which hashes all`,
    );
  }
  const { name, ver, rev } = wascap;
  const named = target === undefined ? wascap.hash : new Map(Object.entries(wascap.target_hashes ?? {})).get(target);
  return {
    claim: {
      kind: "wascap",
      signer,
      otherDigest: named?.toUpperCase() === hash ? undefined : `a binary with hash ${named?.slice(0, 64) ?? "none"}`,
      names: [name, sub].filter((one) => one !== undefined && one !== null),
      version: ver !== undefined && ver !== null && isVersion(ver) ? ver : undefined,
      revision: rev ?? undefined,
      notBefore: timeOf(nbf),
      notAfter: timeOf(exp),
    },
  };
}

const timeOf = (time: number | null | undefined): number | undefined =>
  time === null || time === undefined ? undefined : time * 1000;

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}

const fail = (reason: Finding["reason"], detail: string): { readonly finding: Finding } => ({
  finding: { kind: "wascap", reason, detail },
});
