import { generateKeyPairSync } from "node:crypto";
import { stringify } from "yaml";
import { describe, test } from "vitest";
import { parseConfig } from "./parse.ts";

const pem = (curve?: string): string =>
  (curve === undefined
    ? generateKeyPairSync("ed25519")
    : generateKeyPairSync("ec", { namedCurve: curve })
  ).publicKey.export({ type: "spki", format: "pem" });

const parse = (trust: unknown): unknown =>
  parseConfig(stringify({ device: { id: "d" }, trust }), "/etc/petiole/petiole.yaml").trust;

describe("trust", () => {
  test("has defaults, and paths that start at the file", ({ expect }) => {
    expect(parse({ mode: "enforce", keys: [{ name: "release", file: "release.pub" }] })).toEqual({
      mode: "enforce",
      digests: [],
      keys: [{ name: "release", file: "/etc/petiole/release.pub" }],
      threshold: 1,
      allow_downgrade: false,
      unsynced_clock: "allow-known",
    });
    expect(parse(undefined)).toBeUndefined();
  });

  test.for([
    [{}, /trust\.mode/],
    [{ mode: "strict" }, /trust\.mode/],
    [{ mode: "enforce" }, /trust\.mode: nothing could run: want keys or digests/],
    [{ mode: "warn", colour: "red" }, /trust\.colour: this key is not known here/],
    [{ mode: "warn", digests: ["sha256:1"] }, /trust\.digests\[0\]: want sha256/],
    [{ mode: "warn", keys: [{ name: "a" }] }, /trust\.keys\[0\]: want either file or value/],
    [{ mode: "warn", keys: [{ name: "a", file: "a", value: pem() }] }, /want either file or value/],
    [{ mode: "warn", keys: [{ name: "a", value: "ssh-ed25519 AAAA" }] }, /trust\.keys\[0\]\.value: want a public key/],
    [{ mode: "warn", keys: [{ name: "a", value: pem(), kinds: [] }] }, /trust\.keys\[0\]\.kinds/],
    [
      { mode: "warn", keys: [{ name: "a", value: pem("P-256"), kinds: ["cosign", "statement"] }] },
      /trust\.keys\[0\]\.kinds: a key for p256 signs no statement/,
    ],
    [{ mode: "warn", threshold: 2, keys: [{ name: "a", value: pem() }] }, /trust\.threshold: want at most 1/],
    [
      { mode: "warn", keys: ["a", "b", "a"].map((name) => ({ name, value: pem() })) },
      /trust\.keys: two keys are named "a"/,
    ],
  ] as const)("%j is a fault", ([trust, message], { expect }) => {
    expect(() => parse(trust)).toThrow(message);
  });
});
