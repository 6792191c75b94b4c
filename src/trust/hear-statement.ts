import type { Finding, Heard, PinnedKey, Subject } from "./claim.ts";
import { keysFor } from "./claim.ts";
import { isSignedBy } from "./keys.ts";
import { parseSignedStatement, type StatementSignature } from "./statement.ts";

/** What a signed statement says, once for each of its signatures. */
export function hearStatement(text: string, pinned: readonly PinnedKey[], subject: Subject): readonly Heard[] {
  const parsed = parseSignedStatement(text);
  if ("fault" in parsed) return [fail("malformed", `its signed statement cannot be read: ${parsed.fault}`)];
  const keys = keysFor(pinned, "statement");
  const { statement, signed } = parsed;
  return parsed.signatures.map((one): Heard => {
    const found = findSigner(one, signed, keys);
    if ("reason" in found) return { finding: found };
    const { digest } = statement;
    return {
      claim: {
        kind: "statement",
        signer: found,
        otherDigest: digest === subject.digest ? undefined : digest,
        size: statement.size,
        names: [statement.name],
        version: statement.version,
        minAgent: statement["min-agent"],
        notBefore: timeOf(statement["not-before"]),
        notAfter: timeOf(statement["not-after"]),
      },
    };
  });
}

function findSigner(
  { keyId, signature }: StatementSignature,
  signed: Uint8Array,
  keys: readonly PinnedKey[],
): PinnedKey | Finding {
  const candidates = keyId === undefined ? keys : keys.filter(({ id }) => id === keyId);
  const signer = candidates.find((key) => isSignedBy(key, signed, signature));
  if (signer !== undefined) return signer;
  const [named] = candidates;
  if (keyId === undefined || named === undefined) {
    return fail("unknown-signer", `its statement is signed by ${keyId ?? "a key that is not named"}`).finding;
  }
  return fail("bad-signature", `the signature of its statement does not fit the key "${named.name}"`).finding;
}

const timeOf = (text: string | undefined): number | undefined => (text === undefined ? undefined : Date.parse(text));

const fail = (reason: Finding["reason"], detail: string): { readonly finding: Finding } => ({
  finding: { kind: "statement", reason, detail },
});
