import { createHash } from "node:crypto";
import { describe, test } from "vitest";
import { COSIGN_SIGNATURES, WASCAP_COMPONENT } from "../../test/support/signature-vectors.ts";
import { hearCosign } from "./hear-cosign.ts";
import { hearWascap } from "./hear-wascap.ts";
import { KINDS_OF, parsePublicKey } from "./keys.ts";
import type { PinnedKey } from "./claim.ts";
import { preAuthentication } from "./statement.ts";
import { findTokens } from "./wasm-tokens.ts";

function pin(text: string): PinnedKey {
  const key = parsePublicKey(text);
  if (key === undefined) throw new Error(`no key: ${text}`);
  return { ...key, name: "pinned", kinds: KINDS_OF[key.algorithm] };
}

test("what is signed is encoded as DSSE's example is", ({ expect }) => {
  const encoded = preAuthentication(Buffer.from("hello world"), "http://example.com/HelloWorld");
  expect(encoded.toString()).toBe("DSSEv1 29 http://example.com/HelloWorld 11 hello world");
});

test("claims that wascap wrote are read, with its hash", ({ expect }) => {
  const found = findTokens(Buffer.from(WASCAP_COMPONENT.bytes, "base64"));
  const hash = createHash("sha256");
  for (const piece of found?.stripped ?? []) hash.update(piece);
  const hex = hash.digest("hex").toUpperCase();
  expect(found?.tokens).toHaveLength(1);
  expect(hearWascap(found?.tokens[0] ?? "", [pin(WASCAP_COMPONENT.issuer)], { hash: hex })).toMatchObject({
    claim: { otherDigest: undefined, names: ["app", expect.stringMatching(/^M/)], version: "1.2.3", revision: 7 },
  });
});

describe("signatures of cosign's libraries", () => {
  const component = Buffer.from("0061736d0d000100", "hex");
  const digest = `sha256:${createHash("sha256").update(component).digest("hex")}`;

  test.for(COSIGN_SIGNATURES)("by $algorithm are read", ({ publicKey, payload, signature }, { expect }) => {
    const signatures = JSON.stringify({ Base64Signature: signature, Payload: payload, Cert: null });
    const subject = { name: "app", digest, size: component.byteLength };
    const [heard] = hearCosign({ signatures, manifest: undefined }, [pin(publicKey)], subject);
    expect(heard).toMatchObject({ claim: { otherDigest: undefined, names: ["app"], version: "1.2.0" } });
  });
});
