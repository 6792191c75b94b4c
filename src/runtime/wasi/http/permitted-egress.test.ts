import { describe, test } from "vitest";
import { bytes, millis } from "../../../domain/units.ts";
import type { EgressSettings } from "../../../lib/http-egress.ts";
import { addressRules, PermittedEgress } from "./permitted-egress.ts";

describe("addressRules()", () => {
  test("lets public addresses through, and no others in any spelling", ({ expect }) => {
    const allows = addressRules([], () => ["203.0.114.9", "2a00::9%eth0"]);
    for (const address of ["1.1.1.1", "2606:4700::1111", "64:ff9b::1.1.1.1", "::ffff:1.1.1.1", "172.32.0.1"]) {
      expect(allows(address), address).toBe(true);
    }
    const own = ["203.0.114.9", "2a00::9", "::ffff:203.0.114.9", "64:ff9b::cb00:7209"];
    const reserved = ["0.0.0.0", "127.0.0.1", "169.254.169.254", "100.64.0.1", "224.0.0.1", "255.255.255.255"];
    const local = ["10.1.2.3", "172.31.255.255", "192.168.0.1", "fd00::1", "fe80::1%eth0", "::1", "::", "ff02::1"];
    const disguised = [
      "::ffff:127.0.0.1",
      "::ffff:a00:1",
      "::127.0.0.1",
      "64:ff9b::a00:1",
      "2002:7f00:1::",
      "2001:0:1::",
    ];
    for (const address of [...own, ...reserved, ...local, ...disguised, "", "localhost"]) {
      expect(allows(address), address).toBe(false);
    }
  });

  test("lets through what is named", ({ expect }) => {
    const allows = addressRules(["192.168.1.0/24", "10.0.0.7", "fd00::/16"], () => ["192.168.1.5"]);
    for (const address of ["192.168.1.1", "192.168.1.5", "::ffff:192.168.1.1", "10.0.0.7", "fd00::1"]) {
      expect(allows(address), address).toBe(true);
    }
    for (const address of ["192.168.2.1", "10.0.0.8", "fd01::1"]) expect(allows(address), address).toBe(false);
  });
});

describe("PermittedEgress", () => {
  const settings = (maxResponse: number): EgressSettings => ({
    networks: [],
    timeouts: { connect: millis(1), firstByte: millis(2), betweenBytes: millis(3), total: millis(4) },
    maxResponse: bytes(maxResponse),
    maxConnections: 1,
    keepAlive: millis(0),
    tls: {},
  });

  test("remembers settings by their key, and trusts as each permit says", ({ expect }) => {
    const permitted = new PermittedEgress();
    expect(permitted.key).toBeUndefined();
    expect(permitted.take({ key: "a", trusted: false, settings: settings(5) })).toMatchObject({ maxResponse: 5 });
    const trusting = permitted.take({ key: "a", trusted: true, settings: undefined });
    expect(trusting).toMatchObject({ key: "a", maxResponse: 5 });
    expect(trusting.allowsAddress("10.0.0.1", "10.0.0.1")).toBe(true);
    expect(trusting.allowsAddress("10.0.0.1", "10.0.0.2")).toBe(false);
    expect(
      permitted.take({ key: "a", trusted: false, settings: undefined }).allowsAddress("10.0.0.1", "10.0.0.1"),
    ).toBe(false);
    expect(permitted.take({ key: "b", trusted: false, settings: settings(6) })).toMatchObject({ maxResponse: 6 });
    expect(() => permitted.take({ key: "a", trusted: false, settings: undefined })).toThrow(
      "a permit without settings",
    );
  });
});
