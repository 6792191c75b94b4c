// Signatures of cosign with a key pair, as `cosign download signature` prints them: a JSON object a line, with the signed
// payload and the signature in base64. The payload is in the format "simple signing"; it names the digest of an OCI
// manifest, which in turn names that of the component. No transparency log is asked.

import { createHash } from "node:crypto";
import { z } from "zod";
import { decodeBase64 } from "./base64.ts";
import { keysFor, type Finding, type Heard, type PinnedKey, type Subject } from "./claim.ts";
import { isSignedBy } from "./keys.ts";
import { isVersion } from "./version.ts";

const MAX_SIGNATURES = 16;
const PAYLOAD_TYPE = "cosign container image signature";

const lineSchema = z.object({ Base64Signature: z.string(), Payload: z.string() });

const payloadSchema = z.object({
  critical: z.object({
    image: z.object({ "docker-manifest-digest": z.string() }),
    type: z.literal(PAYLOAD_TYPE),
  }),
  // What `cosign sign -a key=value` writes.
  optional: z.record(z.string(), z.unknown()).nullish(),
});

const manifestSchema = z.object({
  layers: z.tuple([z.object({ digest: z.string(), size: z.int().min(0) })]),
});

export interface CosignFiles {
  readonly signatures: string;
  /** The OCI manifest, when there is one. */
  readonly manifest: string | undefined;
}

export function hearCosign(files: CosignFiles, pinned: readonly PinnedKey[], subject: Subject): readonly Heard[] {
  const lines = files.signatures.split("\n").filter((line) => line.trim() !== "");
  const keys = keysFor(pinned, "cosign");
  if (lines.length === 0) return [fail("malformed", "its cosign signatures cannot be read: the file is empty")];
  return lines.slice(0, MAX_SIGNATURES).map((line) => hearLine(line, files.manifest, keys, subject));
}

function hearLine(line: string, manifest: string | undefined, keys: readonly PinnedKey[], subject: Subject): Heard {
  const parsed = lineSchema.safeParse(parseJson(line));
  const payload = parsed.success ? decodeBase64(parsed.data.Payload) : undefined;
  const signature = parsed.success ? decodeBase64(parsed.data.Base64Signature) : undefined;
  if (payload === undefined || signature === undefined) {
    return fail("malformed", "its cosign signature cannot be read: want a line with Base64Signature and Payload");
  }
  // Nothing in it names the key.
  const signer = keys.find((key) => isSignedBy(key, payload, signature));
  if (signer === undefined) {
    return fail("unknown-signer", "its cosign signature was made by none of the keys, or was changed since");
  }
  const claims = payloadSchema.safeParse(parseJson(payload.toString()));
  if (!claims.success) {
    return fail("malformed", `the payload of its cosign signature is not of the type "${PAYLOAD_TYPE}"`);
  }
  const { critical, optional } = claims.data;
  const signed = critical.image["docker-manifest-digest"];
  const name = textOf(optional?.["name"]);
  const version = textOf(optional?.["version"]);
  return {
    claim: {
      kind: "cosign",
      signer,
      otherDigest: leadsTo(signed, manifest, subject) ? undefined : signed,
      names: name === undefined ? [] : [name],
      version: version !== undefined && isVersion(version) ? version : undefined,
    },
  };
}

/** Whether the signed digest is the component's, or that of the manifest of an artifact that is just the component. */
function leadsTo(signed: string, manifest: string | undefined, { digest, size }: Subject): boolean {
  if (signed === digest) return true;
  if (manifest === undefined) return false;
  if (signed !== `sha256:${createHash("sha256").update(manifest).digest("hex")}`) return false;
  const parsed = manifestSchema.safeParse(parseJson(manifest));
  if (!parsed.success) return false;
  const [layer] = parsed.data.layers;
  return layer.digest === digest && layer.size === size;
}

const textOf = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const fail = (reason: Finding["reason"], detail: string): { readonly finding: Finding } => ({
  finding: { kind: "cosign", reason, detail },
});
