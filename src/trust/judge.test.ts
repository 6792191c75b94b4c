import { createHash } from "node:crypto";
import { describe, test } from "vitest";
import {
  componentManifest,
  createIssuer,
  createSigner,
  customSection,
  digestOf,
  leb128,
  signWithCosign,
  signWithWascap,
  type Signer,
} from "../../test/support/signed-components.ts";
import type { UntrustedReason } from "../domain/trust.ts";
import type { PinnedKey, Subject } from "./claim.ts";
import { judge, type Circumstances, type Evidence, type TrustPolicy, type Verdict } from "./judge.ts";
import { NOTHING_REMEMBERED, remember } from "./memory.ts";
import { addSignature, signStatement, type Statement } from "./statement.ts";
import { findTokens } from "./wasm-tokens.ts";

const BYTES = Buffer.from("0061736d0d000100", "hex");
const SUBJECT: Subject = { name: "app", digest: digestOf(BYTES), size: BYTES.byteLength };
const STATEMENT: Statement = { name: "app", version: "1.2.0", digest: SUBJECT.digest, size: SUBJECT.size };
const NOW = Date.parse("2026-06-01T12:00:00Z");

const release = createSigner("release");
const second = createSigner("second");
const stranger = createSigner("stranger");

function policyOf(keys: readonly (Signer | PinnedKey)[], more: Partial<TrustPolicy> = {}): TrustPolicy {
  return {
    mode: "enforce",
    digests: [],
    keys: keys.map((one) => ("pinned" in one ? one.pinned : one)),
    threshold: 1,
    allowDowngrade: false,
    unsyncedClock: "allow-known",
    ...more,
  };
}

const HERE: Circumstances = { now: { wall: NOW, synced: true }, agent: "0.1.0", memory: NOTHING_REMEMBERED };
const UNSYNCED: Circumstances = { ...HERE, now: { wall: 0, synced: false } };
const having = (version: string): Circumstances => ({
  ...HERE,
  memory: remember(NOTHING_REMEMBERED, "app", "sha256:0", { version }),
});
const RAN_UNSYNCED: Circumstances = {
  ...UNSYNCED,
  memory: remember(NOTHING_REMEMBERED, "app", SUBJECT.digest, { version: "1.2.0" }),
};

const of = (evidence: Partial<Evidence>): Evidence => ({ unreadable: [], ...evidence });
const signed = (change: Partial<Statement> = {}, signer = release): Evidence =>
  of({ statement: signStatement({ ...STATEMENT, ...change }, [signer.key]) });
const outcome = (verdict: Verdict): string => (verdict.trusted ? "trusted" : verdict.reason);

interface Case {
  readonly evidence: Evidence;
  readonly policy?: TrustPolicy;
  readonly around?: Circumstances;
  readonly subject?: Subject;
  readonly want: "trusted" | UntrustedReason;
}

const POLICY = policyOf([release]);
const dated = { "not-before": "2026-01-01T00:00:00Z", "not-after": "2027-01-01T00:00:00Z" };

const CASES: Readonly<Record<string, Case>> = {
  "a signed statement": { evidence: signed(), want: "trusted" },
  "nothing beside the component": { evidence: of({}), want: "unsigned" },
  "a listed digest, unsigned": {
    evidence: of({}),
    policy: policyOf([], { digests: [SUBJECT.digest] }),
    want: "trusted",
  },
  "a listed digest, of an older version": {
    evidence: signed(),
    policy: policyOf([release], { digests: [SUBJECT.digest] }),
    around: having("9.0.0"),
    want: "trusted",
  },
  "another listed digest": { evidence: of({}), policy: policyOf([], { digests: [digestOf("x")] }), want: "unsigned" },
  "another signer": { evidence: signed({}, stranger), want: "unknown-signer" },
  "a key that signs other kinds": {
    evidence: signed(),
    policy: policyOf([{ ...release.pinned, kinds: ["cosign"] }]),
    want: "unknown-signer",
  },
  "a swapped component": { evidence: signed({ digest: digestOf("x") }), want: "other-digest" },
  "another size": { evidence: signed({ size: 9 }), want: "other-size" },
  "the statement of another component": { evidence: signed({ name: "door" }), want: "other-name" },
  "an agent that is new enough": { evidence: signed({ "min-agent": "0.1.0" }), want: "trusted" },
  "an agent that is too old": { evidence: signed({ "min-agent": "0.2.0" }), want: "agent-too-old" },
  "a period that is now": { evidence: signed(dated), want: "trusted" },
  "its first second": { evidence: signed({ "not-before": "2026-06-01T12:00:00Z" }), want: "trusted" },
  "its last moment": { evidence: signed({ "not-after": "2026-06-01T12:00:01Z" }), want: "trusted" },
  "a period that is over": { evidence: signed({ "not-after": "2026-06-01T12:00:00Z" }), want: "expired" },
  "a period that is to come": { evidence: signed({ "not-before": "2026-06-01T12:00:01Z" }), want: "not-yet-valid" },
  "no period, and nobody knows the time": { evidence: signed(), around: UNSYNCED, want: "trusted" },
  "a period, and nobody knows the time": { evidence: signed(dated), around: UNSYNCED, want: "clock-unsynced" },
  "a period, nobody knows the time, and it ran before": {
    evidence: signed(dated),
    around: RAN_UNSYNCED,
    want: "trusted",
  },
  "a period, nobody knows the time, it ran before, and that does not count": {
    evidence: signed(dated),
    around: RAN_UNSYNCED,
    policy: policyOf([release], { unsyncedClock: "refuse" }),
    want: "clock-unsynced",
  },
  "a period, nobody knows the time, and that is fine": {
    evidence: signed({ "not-after": "2020-01-01T00:00:00Z" }),
    around: UNSYNCED,
    policy: policyOf([release], { unsyncedClock: "allow" }),
    want: "trusted",
  },
  "the version that was accepted before": { evidence: signed(), around: having("1.2.0"), want: "trusted" },
  "a newer version": { evidence: signed({ version: "1.10.0" }), around: having("1.9.9"), want: "trusted" },
  "an older version": { evidence: signed(), around: having("1.2.1"), want: "downgraded" },
  "what came before the release": {
    evidence: signed({ version: "1.2.0-rc.1" }),
    around: having("1.2.0"),
    want: "downgraded",
  },
  "an older version, which is permitted": {
    evidence: signed(),
    around: having("1.2.1"),
    policy: policyOf([release], { allowDowngrade: true }),
    want: "trusted",
  },
  "an older version, where nobody remembers": {
    evidence: signed(),
    around: { ...HERE, memory: undefined },
    want: "trusted",
  },
  "one of two keys": {
    evidence: signed(),
    policy: policyOf([release, second], { threshold: 2 }),
    want: "threshold",
  },
  "two of two keys": {
    evidence: of({ statement: signStatement(STATEMENT, [release.key, second.key]) }),
    policy: policyOf([release, second], { threshold: 2 }),
    want: "trusted",
  },
  "one key twice": {
    evidence: of({ statement: signStatement(STATEMENT, [release.key, release.key]) }),
    policy: policyOf([release, second], { threshold: 2 }),
    want: "threshold",
  },
  "one key twice, by two kinds": {
    evidence: { ...signed(), cosign: { signatures: signWithCosign(release.key, SUBJECT), manifest: undefined } },
    policy: policyOf([release, second], { threshold: 2 }),
    want: "threshold",
  },
  "two keys, by two kinds": {
    evidence: { ...signed(), cosign: { signatures: signWithCosign(second.key, SUBJECT), manifest: undefined } },
    policy: policyOf([release, second], { threshold: 2 }),
    want: "trusted",
  },
  "a stranger beside a pinned key": {
    evidence: of({ statement: signStatement(STATEMENT, [stranger.key, release.key]) }),
    want: "trusted",
  },
  "text that is no statement": { evidence: of({ statement: "hello" }), want: "malformed" },
  "a file that cannot be read": {
    evidence: { unreadable: [{ kind: "statement", reason: "malformed", detail: "it is a folder" }] },
    want: "malformed",
  },
  "a file that cannot be read, beside one that counts": {
    evidence: { ...signed(), unreadable: [{ kind: "cosign", reason: "malformed", detail: "it is a folder" }] },
    want: "trusted",
  },
};

describe("judge()", () => {
  test.for(Object.entries(CASES))("%s", ([, { evidence, policy, around, subject, want }], { expect }) => {
    expect(outcome(judge(subject ?? SUBJECT, evidence, policy ?? POLICY, around ?? HERE))).toBe(want);
  });

  test("says of several faults the one that came furthest, and lists all", ({ expect }) => {
    const evidence = of({
      statement: signStatement({ ...STATEMENT, name: "door" }, [stranger.key, release.key]),
      cosign: { signatures: "nonsense", manifest: undefined },
    });
    const verdict = judge(SUBJECT, evidence, POLICY, HERE);
    expect(verdict).toMatchObject({ trusted: false, reason: "other-name" });
    expect(verdict.findings.map(({ reason }) => reason)).toEqual(["unknown-signer", "other-name", "malformed"]);
  });

  test("takes for accepted what as many keys as are needed vouch for: one key alone cannot lock others out", ({
    expect,
  }) => {
    const line = signWithCosign(second.key, {
      digest: SUBJECT.digest,
      annotations: { version: "999.0.0", name: "app" },
    });
    const evidence: Evidence = { ...signed(), cosign: { signatures: line, manifest: undefined } };
    const two = judge(SUBJECT, evidence, policyOf([release, second], { threshold: 2 }), HERE);
    expect(two).toMatchObject({ trusted: true, accepted: { version: "1.2.0" }, signers: ["release", "second"] });
    const one = judge(SUBJECT, evidence, policyOf([release, second]), HERE);
    expect(one).toMatchObject({ trusted: true, accepted: { version: "999.0.0" } });
  });
});

describe("a statement with a byte changed", () => {
  const text = signStatement({ ...STATEMENT, ...dated, "min-agent": "0.0.9" }, [release.key]).trimEnd();

  test("is refused, whichever byte and however", ({ expect }) => {
    const reasons = new Map<string, number>();
    for (let at = 0; at < text.length; at++) {
      for (const flip of [1, 2, 4, 8, 16, 32, 64, 128]) {
        const bytes = Buffer.from(text);
        bytes.writeUInt8(bytes.readUInt8(at) ^ flip, at);
        const found = outcome(judge(SUBJECT, of({ statement: bytes.toString() }), POLICY, HERE));
        if (found === "trusted") expect.fail(`byte ${at} changed by ${flip} is trusted`);
        reasons.set(found, (reasons.get(found) ?? 0) + 1);
      }
    }
    // In the signature or the payload, in the name of the key, anywhere else.
    expect([...reasons.keys()].sort()).toEqual(["bad-signature", "malformed", "unknown-signer"]);
  });

  test("is refused with a byte less", ({ expect }) => {
    for (let at = 0; at < text.length; at++) {
      const shorter = text.slice(0, at) + text.slice(at + 1);
      expect(outcome(judge(SUBJECT, of({ statement: shorter }), POLICY, HERE)), `byte ${at}`).not.toBe("trusted");
    }
  });

  const rewrite = (change: (envelope: Record<string, unknown>) => object): string =>
    JSON.stringify(change(JSON.parse(text) as Record<string, unknown>));
  const base64 = (content: string): string => Buffer.from(content).toString("base64");

  test.for([
    ["another type of payload", rewrite((one) => ({ ...one, payloadType: "application/json" })), "malformed"],
    [
      "a payload in other words",
      rewrite((one) => ({ ...one, payload: base64(`${JSON.stringify(STATEMENT)} `) })),
      "malformed",
    ],
    [
      "a payload with more in it",
      rewrite((one) => ({ ...one, payload: base64(JSON.stringify({ ...STATEMENT, admin: true })) })),
      "malformed",
    ],
    [
      "a payload that was signed as something else",
      rewrite((one) => ({ ...one, payload: base64(JSON.stringify({ ...STATEMENT, version: "2.0.0" })) })),
      "bad-signature",
    ],
    ["no signature", rewrite((one) => ({ ...one, signatures: [] })), "malformed"],
    ["more than the envelope has", rewrite((one) => ({ ...one, extra: 1 })), "malformed"],
  ] as const)("%s", ([, statement, want], { expect }) => {
    expect(outcome(judge(SUBJECT, of({ statement }), POLICY, HERE))).toBe(want);
  });
});

describe("addSignature()", () => {
  test("adds to the same statement, once for each key, and to no other", ({ expect }) => {
    const first = signStatement(STATEMENT, [release.key]);
    const both = addSignature(first, STATEMENT, second.key) ?? "";
    const policy = policyOf([release, second], { threshold: 2 });
    expect(outcome(judge(SUBJECT, of({ statement: both }), policy, HERE))).toBe("trusted");
    expect(addSignature(both, STATEMENT, second.key)).toBe(both);
    expect(addSignature(first, { ...STATEMENT, version: "1.2.1" }, second.key)).toBeUndefined();
    expect(addSignature("hello", STATEMENT, second.key)).toBeUndefined();
  });
});

/** A component with a module and a component in it, and section lengths in more bytes than are needed. */
function nested(token?: Uint8Array): { readonly padded: Buffer; readonly stripped: Buffer } {
  const module = Buffer.from("0061736d01000000", "hex");
  const section = (id: number, content: Uint8Array, width: number): Buffer =>
    Buffer.concat([Buffer.of(id), leb128(content.byteLength, width), content]);
  const build = (width: number, tokens: Uint8Array): Buffer => {
    const named = customSection("name", Buffer.from("kept"));
    const core = section(1, Buffer.concat([module, tokens, section(5, Buffer.of(1, 0, 1), width)]), width);
    const inner = section(4, Buffer.concat([BYTES, core, tokens]), width);
    return Buffer.concat([BYTES, named, inner, section(8, Buffer.of(0), width)]);
  };
  return { padded: build(4, token ?? Buffer.alloc(0)), stripped: build(1, Buffer.alloc(0)) };
}

describe("claims of wascap", () => {
  const issuer = createIssuer("vendor");
  const other = createIssuer("other");
  const policy = policyOf([issuer.pinned]);
  const APP = { name: "app", ver: "1.2.0", rev: 4 };

  function verdictOn(bytes: Uint8Array, around = HERE, asked = policy): Verdict {
    const found = findTokens(bytes);
    const stripped = createHash("sha256");
    for (const piece of found?.stripped ?? []) stripped.update(piece);
    const hash = stripped.digest("hex").toUpperCase();
    const wascap = found === undefined || found.tokens.length === 0 ? undefined : { tokens: found.tokens, hash };
    const subject = { name: "app", digest: digestOf(bytes), size: bytes.byteLength };
    return judge(subject, of({ wascap }), asked, around);
  }

  const at = (time: string): number => Date.parse(time) / 1000;
  const accepted = (newest: object): Circumstances => ({
    ...HERE,
    memory: remember(NOTHING_REMEMBERED, "app", "sha256:0", newest),
  });
  const SUB = `M${"A".repeat(55)}`;

  test.for([
    ["of the pinned issuer", signWithWascap(BYTES, issuer.account, APP), HERE, "trusted"],
    ["in the older section", signWithWascap(BYTES, issuer.account, { ...APP, section: "jwt" }), HERE, "trusted"],
    ["of another issuer", signWithWascap(BYTES, other.account, APP), HERE, "unknown-signer"],
    ["none", BYTES, HERE, "unsigned"],
    [
      "with a hash of something else",
      signWithWascap(BYTES, issuer.account, { ...APP, hash: "0".repeat(64) }),
      HERE,
      "other-digest",
    ],
    [
      "followed by something else",
      Buffer.concat([signWithWascap(BYTES, issuer.account, APP), customSection("x", BYTES)]),
      HERE,
      "other-digest",
    ],
    [
      "of a time when not all was hashed",
      signWithWascap(BYTES, issuer.account, { ...APP, revision: 2 }),
      HERE,
      "malformed",
    ],
    ["of another algorithm", signWithWascap(BYTES, issuer.account, { ...APP, alg: "none" }), HERE, "malformed"],
    ["that are no token", Buffer.concat([BYTES, customSection("jwt", Buffer.from("a.b"))]), HERE, "malformed"],
    ["of another component", signWithWascap(BYTES, issuer.account, { ...APP, name: "door" }), HERE, "other-name"],
    ["without a name", signWithWascap(BYTES, issuer.account, { ver: "1.2.0" }), HERE, "other-name"],
    ["that expire", signWithWascap(BYTES, issuer.account, { ...APP, exp: NOW / 1000 + 1 }), HERE, "trusted"],
    ["that have expired", signWithWascap(BYTES, issuer.account, { ...APP, exp: NOW / 1000 }), HERE, "expired"],
    [
      "that are to come",
      signWithWascap(BYTES, issuer.account, { ...APP, nbf: at("2026-07-01T00:00:00Z") }),
      HERE,
      "not-yet-valid",
    ],
    [
      "that expire, while nobody knows the time",
      signWithWascap(BYTES, issuer.account, { ...APP, exp: 1 }),
      UNSYNCED,
      "clock-unsynced",
    ],
    [
      "that end beyond all calendars",
      signWithWascap(BYTES, issuer.account, { ...APP, nbf: Number.MAX_SAFE_INTEGER }),
      HERE,
      "not-yet-valid",
    ],
    ["of an older version", signWithWascap(BYTES, issuer.account, APP), having("1.2.1"), "downgraded"],
    [
      "of an older revision",
      signWithWascap(BYTES, issuer.account, { ...APP, ver: "x" }),
      accepted({ revision: 5 }),
      "downgraded",
    ],
    [
      "of the same version, and an older revision",
      signWithWascap(BYTES, issuer.account, APP),
      accepted({ version: "1.2.0", revision: 5 }),
      "downgraded",
    ],
    [
      "of a newer revision",
      signWithWascap(BYTES, issuer.account, { ...APP, rev: 6 }),
      accepted({ version: "1.2.0", revision: 5 }),
      "trusted",
    ],
    ["of no version, after one", signWithWascap(BYTES, issuer.account, { name: "app" }), having("1.0.0"), "downgraded"],
  ] as const)("%s: %#", ([, bytes, around, want], { expect }) => {
    expect(outcome(verdictOn(bytes, around))).toBe(want);
  });

  test("may name the component by its key", ({ expect }) => {
    const bytes = signWithWascap(BYTES, issuer.account, { name: "Some App", subject: SUB });
    const wascap = {
      tokens: findTokens(bytes)?.tokens ?? [],
      hash: createHash("sha256").update(BYTES).digest("hex").toUpperCase(),
    };
    const subject = { name: SUB, digest: digestOf(bytes), size: bytes.byteLength };
    expect(outcome(judge(subject, of({ wascap }), policy, HERE))).toBe("trusted");
  });

  test("are of the binary without them at every depth, lengths in their shortest form", ({ expect }) => {
    const { padded, stripped } = nested(customSection("jwt", Buffer.from("left behind")));
    expect(Buffer.concat([...(findTokens(padded)?.stripped ?? [])])).toEqual(stripped);
    expect(findTokens(padded)?.tokens).toEqual([]);
    const hash = createHash("sha256").update(stripped).digest("hex").toUpperCase();
    expect(outcome(verdictOn(signWithWascap(padded, issuer.account, { ...APP, hash })))).toBe("trusted");
    expect(outcome(verdictOn(signWithWascap(padded, issuer.account, APP)))).toBe("other-digest");
  });

  test("deeper than the top level are none", ({ expect }) => {
    const inner = signWithWascap(BYTES, issuer.account, APP);
    const outer = Buffer.concat([BYTES, Buffer.of(4), leb128(inner.byteLength), inner]);
    expect(outcome(verdictOn(outer))).toBe("unsigned");
  });

  test("are refused with any bit of the binary or of the token changed", ({ expect }) => {
    const { stripped } = nested();
    const bytes = signWithWascap(stripped, issuer.account, APP);
    for (let place = 0; place < bytes.byteLength; place++) {
      for (const flip of [1, 8, 32, 128]) {
        const changed = Buffer.from(bytes);
        changed.writeUInt8(changed.readUInt8(place) ^ flip, place);
        expect(outcome(verdictOn(changed)), `byte ${place} changed by ${flip}`).not.toBe("trusted");
      }
    }
  });

  test.for([
    ["nothing", Buffer.alloc(0)],
    ["text", Buffer.from("hello, world")],
    ["a section that is cut off", Buffer.concat([BYTES, Buffer.of(0, 200, 1)])],
    ["a length that does not end", Buffer.concat([BYTES, Buffer.of(0, 255, 255, 255, 255, 255)])],
    ["a name that is cut off", Buffer.concat([BYTES, Buffer.of(0, 1, 9)])],
    [
      "more sections than any component has",
      Buffer.concat([BYTES, Buffer.alloc(2 * 50_001).map((_, at) => (at % 2 === 0 ? 8 : 0))]),
    ],
    ["a module that is none", Buffer.concat([BYTES, Buffer.of(1, 1, 0)])],
  ] as const)("are not looked for in %s", ([, bytes], { expect }) => {
    expect(findTokens(bytes)).toBeUndefined();
  });
});

describe("signatures of cosign", () => {
  const ci = createSigner("ci", "p256");
  const edge = createSigner("edge", "ed25519");
  const outsider = createSigner("outsider", "p256");
  const policy = policyOf([ci, edge]);
  const manifest = componentManifest(SUBJECT.digest, SUBJECT.size);
  const line = (key = ci.key, more: object = {}): string =>
    signWithCosign(key, { digest: digestOf(manifest), ...more });
  const verdictOn = (signatures: string, found: string | null = manifest, around = HERE): string =>
    outcome(judge(SUBJECT, of({ cosign: { signatures, manifest: found ?? undefined } }), policy, around));

  const otherLayer = componentManifest(digestOf("x"), SUBJECT.size);
  const otherSize = componentManifest(SUBJECT.digest, 9);
  const twoLayers = JSON.stringify({ layers: [1, 2].map(() => ({ digest: SUBJECT.digest, size: SUBJECT.size })) });

  test.for([
    ["of the manifest, by P-256", line(), manifest, "trusted"],
    ["of the manifest, by Ed25519", line(edge.key), manifest, "trusted"],
    ["of the component itself", line(ci.key, { digest: SUBJECT.digest }), null, "trusted"],
    ["of a manifest that is not there", line(), null, "other-digest"],
    ["of a manifest that was changed", line(), `${manifest} `, "other-digest"],
    ["of a manifest of something else", line(ci.key, { digest: digestOf(otherLayer) }), otherLayer, "other-digest"],
    ["of a manifest of another size", line(ci.key, { digest: digestOf(otherSize) }), otherSize, "other-digest"],
    ["of a manifest with more in it", line(ci.key, { digest: digestOf(twoLayers) }), twoLayers, "other-digest"],
    ["of something that is no manifest", line(ci.key, { digest: digestOf("x") }), "x", "other-digest"],
    ["by somebody else", line(outsider.key), manifest, "unknown-signer"],
    ["by somebody else, then by us", `${line(outsider.key)}\n${line()}\n`, manifest, "trusted"],
    ["of another type", line(ci.key, { type: "atomic container signature" }), manifest, "malformed"],
    [
      "in the form of a bundle",
      JSON.stringify({ mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json" }),
      manifest,
      "malformed",
    ],
    ["that are nothing", "\n", manifest, "malformed"],
    ["for the component's name", line(ci.key, { annotations: { name: "app" } }), manifest, "trusted"],
    ["for another name", line(ci.key, { annotations: { name: "door" } }), manifest, "other-name"],
  ] as const)("%s", ([, signatures, found, want], { expect }) => {
    expect(verdictOn(signatures, found)).toBe(want);
  });

  test("are as old as their annotation says", ({ expect }) => {
    const older = line(ci.key, { annotations: { version: "1.1.0" } });
    expect(verdictOn(older, manifest, having("1.2.0"))).toBe("downgraded");
    expect(verdictOn(older, manifest, having("1.1.0"))).toBe("trusted");
    expect(verdictOn(line(), manifest, having("1.1.0"))).toBe("downgraded");
  });

  test("are refused with any bit of payload or signature changed", ({ expect }) => {
    const whole = JSON.parse(line()) as Record<string, string>;
    for (const field of ["Payload", "Base64Signature"]) {
      const bytes = Buffer.from(whole[field] ?? "", "base64");
      for (let at = 0; at < bytes.byteLength; at++) {
        const changed = Buffer.from(bytes);
        changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
        const signatures = JSON.stringify({ ...whole, [field]: changed.toString("base64") });
        expect(verdictOn(signatures), `byte ${at} of ${field}`).toBe("unknown-signer");
      }
    }
  });
});
