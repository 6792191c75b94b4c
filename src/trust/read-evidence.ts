// What vouches for a component lies beside it: app.wasm.sig, app.wasm.cosign with app.wasm.manifest.json; and in it.

import { createHash } from "node:crypto";
import { isErrno, readRegularFile } from "../lib/files.ts";
import { reasonOf } from "../lib/reason.ts";
import { updateInSlices } from "../lib/update-in-slices.ts";
import type { EvidenceKind, ExecutableClaims } from "../domain/trust.ts";
import type { Finding, PinnedKey } from "./claim.ts";
import type { Evidence } from "./judge.ts";
import { findTokens } from "./wasm-tokens.ts";

/** Added to the component's path. */
export const STATEMENT_SUFFIX = ".sig";
const COSIGN_SUFFIX = ".cosign";
const MANIFEST_SUFFIX = ".manifest.json";
export const EVIDENCE_SUFFIXES = [STATEMENT_SUFFIX, COSIGN_SUFFIX, MANIFEST_SUFFIX];

const MAX_FILE = 256 * 1024;

/** Evidence that some key of `pinned` can give. `bytes` are the component's; only what lies beside it is read. */
export async function readEvidence(file: string, bytes: Uint8Array, pinned: readonly PinnedKey[]): Promise<Evidence> {
  return await gather(file, pinned, () => readTokens(bytes));
}

/** The same for an archive of a provider, or an executable, which has no claims. */
export async function readExecutableEvidence(
  file: string,
  claims: ExecutableClaims | undefined,
  pinned: readonly PinnedKey[],
): Promise<Evidence> {
  return await gather(file, pinned, async () =>
    claims === undefined ? undefined : { tokens: [claims.token], hash: claims.hash, target: claims.target },
  );
}

async function gather(
  file: string,
  pinned: readonly PinnedKey[],
  wascap: () => Promise<Evidence["wascap"]>,
): Promise<Evidence> {
  const kinds = new Set(pinned.flatMap((key) => key.kinds));
  const unreadable: Finding[] = [];
  const read = async (kind: EvidenceKind, suffix: string): Promise<string | undefined> => {
    if (!kinds.has(kind)) return undefined;
    try {
      return Buffer.from((await readRegularFile(file + suffix, { maxSize: MAX_FILE })).bytes).toString();
    } catch (error) {
      if (!isErrno(error, "ENOENT")) {
        unreadable.push({ kind, reason: "malformed", detail: `"${file + suffix}" cannot be read: ${reasonOf(error)}` });
      }
      return undefined;
    }
  };
  const statement = await read("statement", STATEMENT_SUFFIX);
  const signatures = await read("cosign", COSIGN_SUFFIX);
  const manifest = signatures === undefined ? undefined : await read("cosign", MANIFEST_SUFFIX);
  return {
    statement,
    cosign: signatures === undefined ? undefined : { signatures, manifest },
    wascap: kinds.has("wascap") ? await wascap() : undefined,
    unreadable,
  };
}

async function readTokens(bytes: Uint8Array): Promise<Evidence["wascap"]> {
  const found = findTokens(bytes);
  if (found === undefined || found.tokens.length === 0) return undefined;
  const hash = createHash("sha256");
  await updateInSlices(hash, found.stripped);
  return { tokens: found.tokens, hash: hash.digest("hex").toUpperCase() };
}
