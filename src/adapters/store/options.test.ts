import { describe, test } from "vitest";
import { kibibytes, mebibytes, minutes, seconds } from "../../domain/units.ts";
import { commitPolicyOf, lanePoliciesOf } from "./options.ts";

describe("lanePoliciesOf()", () => {
  test("leaves critical the room that no other lane may take", ({ expect }) => {
    const maxBytes = mebibytes(64);
    const { critical, standard, latest } = lanePoliciesOf({ maxBytes });
    expect(critical.maxBytes).toBe(maxBytes);
    expect(standard.maxBytes).toBeLessThan(maxBytes * 0.9);
    expect(latest.maxBytes).toBe(mebibytes(4));
    expect(lanePoliciesOf({ maxBytes: mebibytes(1) }).latest.maxBytes).toBe(kibibytes(64));
  });

  test("changes what is given and nothing else; a lifetime can be taken away", ({ expect }) => {
    const defaults = lanePoliciesOf({ maxBytes: mebibytes(64) });
    const policies = lanePoliciesOf({
      maxBytes: mebibytes(64),
      lanes: { standard: { whenFull: "shed" }, latest: { ttl: undefined }, ephemeral: { ttl: minutes(1) } },
    });
    expect(policies.standard).toEqual({ ...defaults.standard, whenFull: "shed" });
    expect(policies.latest).toEqual({ ...defaults.latest, ttl: undefined });
    expect(policies.critical).toEqual(defaults.critical);
    expect(defaults.critical.ttl).toBeUndefined();
  });
});

describe("commitPolicyOf()", () => {
  test("commits standard and latest as often as their lanes say", ({ expect }) => {
    const policies = lanePoliciesOf({
      maxBytes: mebibytes(64),
      lanes: { standard: { commitInterval: seconds(5), commitRows: 10 }, latest: { commitInterval: seconds(60) } },
    });
    expect(commitPolicyOf(policies)).toMatchObject({ interval: 5000, rows: 10, latest: 60_000 });
  });
});
