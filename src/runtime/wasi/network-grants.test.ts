import { networkInterfaces } from "node:os";
import { describe, test } from "vitest";
import { parseNetworkGrants } from "./network-grants.ts";

describe("parseNetworkGrants()", () => {
  test("grants nothing unless told", ({ expect }) => {
    const none = parseNetworkGrants([]);
    expect([none.allows("a.example", 443), none.allowsName("a.example")]).toEqual([false, false]);
  });

  test("goes by host and port, in whatever spelling", ({ expect }) => {
    const grants = parseNetworkGrants(["Api.example:443", "10.0.0.7:*", "[FD00:0::1]:80"]);
    for (const [host, port] of [
      ["api.example", 443],
      ["API.EXAMPLE.", 443],
      ["10.0.0.7", 1],
      ["fd00::1", 80],
      ["[fd00:0:0::1]", 80],
    ] as const) {
      expect(grants.allows(host, port), host).toBe(true);
    }
    for (const [host, port] of [
      ["api.example", 80],
      ["b.api.example", 443],
      ["example", 443],
      ["10.0.0.8", 1],
      ["fd00::2", 80],
      ["", 443],
    ] as const) {
      expect(grants.allows(host, port), host).toBe(false);
    }
    expect(grants.allowsName("api.example")).toBe(true);
  });

  test("a wildcard grants what lies below, and no address", ({ expect }) => {
    const grants = parseNetworkGrants(["*.example:443", "*.7:*"]);
    expect([grants.allows("a.example", 443), grants.allows("b.a.example", 443)]).toEqual([true, true]);
    expect([grants.allows("example", 443), grants.allows("notexample", 443)]).toEqual([false, false]);
    expect(grants.allows("10.0.0.7", 80)).toBe(false);
  });

  test("any host is every one but this device", ({ expect }) => {
    const grants = parseNetworkGrants(["*:443"], () => ["192.168.1.7", "fd00::7"]);
    for (const host of ["api.example", "10.0.0.7", "fd00::8", "192.168.1.8"]) {
      expect([host, grants.allows(host, 443), grants.allows(host, 80)]).toEqual([host, true, false]);
    }
    for (const host of [
      "localhost",
      "a.localhost",
      "127.0.0.1",
      "::1",
      "0.0.0.0",
      "192.168.1.7",
      "::ffff:192.168.1.7",
      "fd00:0::7",
      "",
    ]) {
      expect([host, grants.allows(host, 443)]).toEqual([host, false]);
    }
    expect([grants.allowsName("api.example"), grants.allowsListening(443)]).toEqual([true, false]);
    expect([grants.allowsAddress("a.example", "127.0.0.1"), grants.allowsAddress("a.example", "10.0.0.7")]).toEqual([
      false,
      true,
    ]);
  });

  test("an entry for listening is no host", ({ expect }) => {
    const grants = parseNetworkGrants(["listen:8080", "LISTEN:81", "*.listen:1"]);
    expect([8080, 81, 1].map((port) => grants.allowsListening(port))).toEqual([true, true, false]);
    expect([grants.allows("listen", 8080), grants.allowsName("listen"), grants.allowsName("listen.")]).toEqual([
      false,
      false,
      false,
    ]);
    expect([grants.allows("a.listen", 1), parseNetworkGrants(["listen:*"]).allowsListening(9)]).toEqual([true, true]);
  });

  test("a name does not lead to an address that this device has now", ({ expect }) => {
    let own = ["192.168.1.7", "fd00:0::7", "fe80::7%eth0"];
    const grants = parseNetworkGrants([], () => own);
    for (const address of ["192.168.1.7", "::ffff:192.168.1.7", "64:ff9b::c0a8:107", "fd00::7", "fd00:0:0::7"]) {
      expect(grants.allowsAddress("a.example", address), address).toBe(false);
    }
    expect(grants.allowsAddress("a.example", "192.168.1.8")).toBe(true);
    expect(grants.allowsAddress("192.168.1.7", "192.168.1.7")).toBe(true);
    own = [];
    expect(grants.allowsAddress("a.example", "192.168.1.7")).toBe(true);
  });

  test("knows the addresses of this device", ({ expect }) => {
    const addresses = Object.values(networkInterfaces()).flatMap((all) => all?.map(({ address }) => address) ?? []);
    const grants = parseNetworkGrants([]);
    expect(addresses.filter((address) => grants.allowsAddress("a.example", address))).toEqual([]);
  });

  test("a name does not lead to this device, and an address only to itself", ({ expect }) => {
    const grants = parseNetworkGrants([], () => []);
    for (const address of [
      "127.0.0.1",
      "127.8.8.8",
      "0.0.0.0",
      "169.254.169.254",
      "224.0.0.1",
      "255.255.255.255",
      "::",
      "::1",
      "::ffff:127.0.0.1",
      "::127.0.0.1",
      "::7f00:1",
      "64:ff9b::7f00:1",
      "64:ff9b::169.254.169.254",
      "fe80::1",
      "ff02::1",
      "no address",
    ]) {
      expect(grants.allowsAddress("a.example", address), address).toBe(false);
    }
    for (const address of ["10.0.0.7", "192.168.1.1", "93.184.215.14", "fd00::1", "2606:2800::1", "64:ff9b::a00:7"]) {
      expect(grants.allowsAddress("a.example", address), address).toBe(true);
    }
    expect(grants.allowsAddress("127.0.0.1", "127.0.0.1")).toBe(true);
    expect(grants.allowsAddress("127.0.0.1", "127.0.0.2")).toBe(false);
    expect(grants.allowsAddress("::1", "0:0:0:0:0:0:0:1")).toBe(true);
    expect(grants.allowsAddress("localhost", "::1")).toBe(true);
    // What the resolver takes for an address though no grant spells it so.
    expect(grants.allowsAddress("127.1", "127.0.0.1")).toBe(false);
  });
});
