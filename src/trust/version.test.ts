import { describe, test } from "vitest";
import { compareVersions, isVersion } from "./version.ts";

// semver.org, 11: in rising order.
const RISING = [
  "0.9.0",
  "1.0.0-alpha",
  "1.0.0-alpha.1",
  "1.0.0-alpha.beta",
  "1.0.0-beta",
  "1.0.0-beta.2",
  "1.0.0-beta.11",
  "1.0.0-rc.1",
  "1.0.0",
  "1.0.1",
  "1.9.0",
  "1.10.0",
  "2.0.0",
];

describe("compareVersions()", () => {
  test("orders as semver does", ({ expect }) => {
    for (const [at, one] of RISING.entries()) {
      for (const [index, other] of RISING.entries()) {
        expect(Math.sign(compareVersions(one, other)), `${one} ${other}`).toBe(Math.sign(at - index));
      }
    }
  });

  test("leaves out what was built, and takes what is no version for older than all", ({ expect }) => {
    expect(compareVersions("1.0.0+a", "1.0.0+b")).toBe(0);
    expect(compareVersions("latest", "0.0.1")).toBeLessThan(0);
    expect(compareVersions("latest", "newest")).toBe(0);
  });
});

test.for([
  "",
  "1",
  "1.0",
  "1.0.0.0",
  "v1.0.0",
  "01.0.0",
  "1.0.0-",
  "1.0.0-01",
  "1.0.0-a..b",
  "1.0.0 ",
  "1.0.0\n",
  "9999999999.0.0",
])("isVersion(%j) is false", (text, { expect }) => {
  expect(isVersion(text)).toBe(false);
});
