import { describe, test } from "vitest";
import { days, millis, minutes, seconds } from "../domain/units.ts";
import type { Validity } from "./credentials.ts";
import { isRefusal, planCredentials, renewalOf, type CredentialsView } from "./plan.ts";

const ISSUED = millis(Date.UTC(2026, 0, 1));
const PATIENCE = { refused: seconds(60), trial: minutes(5) };

const validity = (publicKey: string): Validity => ({
  name: "gw-1",
  publicKey,
  issued: ISSUED,
  expires: millis(ISSUED + days(60)),
});

const QUIET: CredentialsView = {
  active: validity("A"),
  before: undefined,
  now: millis(ISSUED + days(10)),
  link: "online",
  refusedFor: undefined,
  wanted: false,
};
const plan = (view: Partial<CredentialsView>) => planCredentials({ ...QUIET, ...view }, PATIENCE);

describe("planCredentials()", () => {
  test("leaves young credentials alone, whatever the link does", ({ expect }) => {
    expect([plan({}), plan({ link: "offline" }), plan({ link: "degraded" })]).toEqual(["none", "none", "none"]);
  });

  test("renews over the link when it is time, or when somebody wants it", ({ expect }) => {
    const late = millis(ISSUED + days(45));
    expect([plan({ now: late }), plan({ wanted: true })]).toEqual(["renew", "renew"]);
    expect(plan({ now: late, link: "offline" })).toBe("none");
  });

  test("judges no age by a clock that nobody has set", ({ expect }) => {
    expect([plan({ now: undefined }), plan({ now: undefined, link: "offline" })]).toEqual(["none", "none"]);
    expect(plan({ now: undefined, link: "offline", refusedFor: minutes(2) })).toBe("recover");
  });

  test("goes around the link when the credentials have expired or the hub keeps refusing them", ({ expect }) => {
    expect(plan({ now: millis(ISSUED + days(61)), link: "offline" })).toBe("recover");
    expect(plan({ link: "offline", refusedFor: seconds(59) })).toBe("none");
    expect(plan({ link: "offline", refusedFor: seconds(60) })).toBe("recover");
  });

  test("confirms new credentials once the link is up with them, and goes back when they are refused", ({ expect }) => {
    const before = validity("B");
    expect(plan({ before })).toBe("confirm");
    expect(plan({ before, link: "offline", refusedFor: minutes(4) })).toBe("none");
    expect(plan({ before, link: "offline", refusedFor: minutes(5) })).toBe("fall-back");
    // There is nothing to go back to.
    const now = millis(ISSUED + days(61));
    expect(plan({ before, link: "offline", refusedFor: minutes(5), now })).toBe("recover");
  });
});

test("renewalOf() is about two thirds into the lifetime, and not the same for every device", ({ expect }) => {
  const shares = Array.from({ length: 50 }, (_, i) => ((renewalOf(validity(`K${i}`)) ?? 0) - ISSUED) / days(60));
  expect(Math.min(...shares)).toBeGreaterThan(0.61);
  expect(Math.max(...shares)).toBeLessThan(0.72);
  expect(new Set(shares).size).toBe(50);
  expect(renewalOf({ ...validity("K"), expires: undefined })).toBeUndefined();
});

test("isRefusal() knows the hub's words, and takes no certificate for them", ({ expect }) => {
  const words = [
    "the server refuses the credentials",
    "the credentials have expired",
    "User Authentication Revoked",
    "the local nats-server has no connection to the hub: Leafnode Error 'Authorization Violation'",
  ];
  expect(words.filter((reason) => !isRefusal(reason))).toEqual([]);
  const others = [undefined, "TLS failed: certificate has expired", "connection refused", "nobody answers"];
  expect(others.filter(isRefusal)).toEqual([]);
});
