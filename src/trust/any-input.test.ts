// Whatever lies beside a component or in it: a verdict, never an error.

import * as fc from "fast-check";
import { describe, test } from "vitest";
import { createSigner } from "../../test/support/signed-components.ts";
import type { Subject } from "./claim.ts";
import { decodeBase64 } from "./base64.ts";
import { judge, type TrustPolicy } from "./judge.ts";
import { parseMemory } from "./memory.ts";
import { parsePrivateKey, parsePublicKey } from "./keys.ts";
import { signStatement } from "./statement.ts";
import { findTokens } from "./wasm-tokens.ts";

const { key, pinned } = createSigner("release");
const ci = createSigner("ci", "p256");
const SUBJECT: Subject = { name: "app", digest: `sha256:${"0".repeat(64)}`, size: 1 };
const POLICY: TrustPolicy = {
  mode: "enforce",
  digests: [],
  keys: [pinned, ci.pinned],
  threshold: 1,
  allowDowngrade: false,
  unsyncedClock: "refuse",
};
const AROUND = { now: { wall: 0, synced: true }, agent: "0.1.0", memory: undefined };
const good = JSON.parse(signStatement({ name: "app", version: "1.0.0", digest: SUBJECT.digest, size: 1 }, [key])) as {
  readonly signatures: readonly { readonly keyid: string }[];
};

/** JSON in the form of what is read, with anything in its places. */
const anything = fc.oneof(fc.string(), fc.jsonValue(), fc.base64String());
const envelope = fc.record({
  payloadType: fc.oneof(fc.constant("application/vnd.petiole.statement.v1+json"), anything),
  payload: anything,
  signatures: fc.array(fc.record({ keyid: fc.constant(good.signatures[0]?.keyid), sig: fc.base64String() })),
});
const line = fc.record({ Base64Signature: anything, Payload: anything });
const part = fc.oneof(
  fc.base64String(),
  fc.jsonValue().map((value) => Buffer.from(JSON.stringify(value)).toString("base64url")),
);
const token = fc.oneof(
  fc.string(),
  fc.tuple(part, part, part).map((parts) => parts.join(".")),
);
const text = (json: fc.Arbitrary<unknown>): fc.Arbitrary<string> =>
  fc.oneof(
    fc.string(),
    json.map((one) => JSON.stringify(one)),
  );

describe("any input", () => {
  test("as evidence is judged, and not trusted", ({ expect }) => {
    fc.assert(
      fc.property(
        text(envelope),
        text(line),
        fc.option(fc.string()),
        fc.array(token),
        (statement, signatures, manifest, tokens) => {
          const evidence = {
            statement,
            cosign: { signatures, manifest: manifest ?? undefined },
            wascap: { tokens, hash: "" },
            unreadable: [],
          };
          expect(judge(SUBJECT, evidence, POLICY, AROUND).trusted).toBe(false);
        },
      ),
      { numRuns: 2000 },
    );
  });

  test("as a binary, a key or a memory is read, or is none", ({ expect }) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.string(), (tail, other) => {
        findTokens(tail);
        findTokens(Buffer.concat([Buffer.from("0061736d0d000100", "hex"), tail]));
        const read = [parsePublicKey(other), parsePublicKey(`ed25519:${other}`), parsePrivateKey(other)];
        expect([...read, parseMemory(other)]).toEqual([undefined, undefined, undefined, undefined]);
      }),
      { numRuns: 2000 },
    );
  });

  test("in base64 has one spelling", ({ expect }) => {
    // Letters that belong to it, and others.
    const letters = fc.string({
      unit: fc.constantFrom("A", "Q", "g", "w", "/", "+", "-", "_", "=", "0", "9", " ", "\n"),
    });
    const spellings = fc.oneof(letters, fc.base64String());
    const again = (encoded: string): string => {
      const bytes = decodeBase64(encoded);
      if (bytes === undefined) return encoded;
      const url = /[-_]/.test(encoded);
      return url ? bytes.toString("base64").replaceAll("+", "-").replaceAll("/", "_") : bytes.toString("base64");
    };
    fc.assert(fc.property(spellings, (encoded) => again(encoded) === encoded));
    expect(decodeBase64("aGk=")?.toString()).toBe("hi");
    expect(["aGk", "aGl=", "aGk=\n", "a+-="].map(decodeBase64)).toEqual([undefined, undefined, undefined, undefined]);
  });
});
