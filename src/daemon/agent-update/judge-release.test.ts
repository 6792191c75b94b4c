import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { test } from "vitest";
import type { PinnedKey } from "../../trust/claim.ts";
import type { TrustPolicy } from "../../trust/judge.ts";
import { publicHalf } from "../../trust/keys.ts";
import { signStatement, type Statement } from "../../trust/statement.ts";
import { judgeRelease, type ReleaseCircumstances } from "./judge-release.ts";

const newKey = (): KeyObject => generateKeyPairSync("ed25519").privateKey;
const [own, other, stranger] = [newKey(), newKey(), newKey()];
const pinned = (name: string, key: KeyObject): PinnedKey => ({ ...publicHalf(key), name, kinds: ["statement"] });

const policy: TrustPolicy = {
  mode: "enforce",
  digests: [],
  keys: [pinned("own", own), pinned("other", other)],
  threshold: 1,
  allowDowngrade: false,
  unsyncedClock: "refuse",
};
const around: ReleaseCircumstances = {
  target: "linux-arm64",
  running: "1.2.0",
  packaged: "1.0.0",
  now: { wall: Date.parse("2027-06-01T00:00:00Z"), synced: true },
  bad: [{ version: "1.4.0", reason: "it crashed" }],
};
const statement: Statement = {
  name: "petiole/linux-arm64",
  version: "1.3.0",
  digest: `sha256:${"a".repeat(64)}`,
  size: 1000,
};

interface Choice extends Partial<ReleaseCircumstances> {
  readonly signedBy?: readonly KeyObject[];
  readonly threshold?: number;
  readonly allowDowngrade?: boolean;
}

const judged = (change: Partial<Statement>, choice: Choice = {}): ReturnType<typeof judgeRelease> => {
  const { signedBy = [own], threshold = 1, allowDowngrade = false, ...circumstances } = choice;
  const text = signStatement({ ...statement, ...change }, signedBy);
  return judgeRelease("r", text, { ...policy, threshold, allowDowngrade }, { ...around, ...circumstances });
};

test("judgeRelease() takes a newer version by a key that is pinned", ({ expect }) => {
  expect(judged({}).signers).toEqual(["own"]);
  expect(judged({}, { threshold: 2, signedBy: [own, other] }).signers).toEqual(["own", "other"]);
  expect(judged({ "min-agent": "1.2.0", "not-after": "2027-07-01T00:00:00Z" }).statement.version).toBe("1.3.0");
});

test("judgeRelease() goes back only when told so, and never below the package", ({ expect }) => {
  expect(judged({ version: "1.1.0" }, { allowDowngrade: true }).statement.version).toBe("1.1.0");
  expect(() => judged({ version: "1.0.0" }, { allowDowngrade: true })).toThrow(/package brings 1\.0\.0/);
});

test("judgeRelease() refuses what the launcher would not start in place of the package", ({ expect }) => {
  const early = { running: "1.3.0-rc.1", packaged: "1.3.0-rc.1" };
  expect(() => judged({ version: "1.3.0-rc.2" }, early)).toThrow(/install the package of it/);
  expect(judged({ version: "1.3.0" }, early).statement.version).toBe("1.3.0");
  expect(judged({ version: "1.3.1-rc.1" }, early).statement.version).toBe("1.3.1-rc.1");
  expect(judged({ version: "1.3.0-rc.2" }, { running: "1.3.0-rc.1" }).statement.version).toBe("1.3.0-rc.2");
});

test.for<[string, Parameters<typeof judged>, string]>([
  ["for another machine", [{ name: "petiole/linux-x64" }], "ERR_RELEASE_TARGET"],
  ["that is a component's signature", [{ name: "smoother" }], "ERR_TRUST_NAME"],
  ["by a stranger", [{}, { signedBy: [stranger] }], "ERR_TRUST_SIGNER"],
  ["by too few", [{}, { threshold: 2 }], "ERR_TRUST_THRESHOLD"],
  ["that has expired", [{ "not-after": "2027-01-01T00:00:00Z" }], "ERR_TRUST_EXPIRED"],
  ["that is not valid yet", [{ "not-before": "2028-01-01T00:00:00Z" }], "ERR_TRUST_EARLY"],
  [
    "with a period and no clock",
    [{ "not-after": "2028-01-01T00:00:00Z" }, { now: { wall: 0, synced: false } }],
    "ERR_TRUST_CLOCK",
  ],
  ["that is older", [{ version: "1.1.0" }], "ERR_TRUST_DOWNGRADE"],
  ["that wants a step between", [{ "min-agent": "1.2.5" }], "ERR_TRUST_AGENT"],
  ["that failed before", [{ version: "1.4.0" }], "ERR_RELEASE_BAD"],
  ["that is too large", [{ size: 2 ** 31 }], "ERR_RELEASE_INVALID"],
])("judgeRelease() refuses a release %s", ([, args, code], { expect }) => {
  expect(() => judged(...args)).toThrow(expect.objectContaining({ code }));
});

test("judgeRelease() refuses a statement that was changed, or is none", ({ expect }) => {
  const text = signStatement(statement, [own]);
  const forged = JSON.parse(signStatement({ ...statement, version: "9.0.0" }, [stranger])) as { payload: string };
  const swapped = JSON.stringify({ ...(JSON.parse(text) as object), payload: forged.payload });
  expect(() => judgeRelease("r", swapped, policy, around)).toThrow(
    expect.objectContaining({ code: "ERR_TRUST_SIGNATURE" }),
  );
  expect(() => judgeRelease("r", "{}", policy, around)).toThrow(
    expect.objectContaining({ code: "ERR_RELEASE_INVALID" }),
  );
});
