import { isIPv4, isIPv6 } from "node:net";
import { array, assert, constant, integer, nat, oneof, property, record, type Arbitrary } from "fast-check";
import { describe, test } from "vitest";
import { addressText, parseAddress, type IpAddress } from "./addresses.ts";

describe("parseAddress()", () => {
  test("takes each way in which an address is written", ({ expect }) => {
    expect(parseAddress("10.0.0.255")).toEqual({ tag: "ipv4", val: [10, 0, 0, 255] });
    expect(parseAddress("::")).toEqual({ tag: "ipv6", val: [0, 0, 0, 0, 0, 0, 0, 0] });
    expect(parseAddress("fe80::1%eth0")).toEqual({ tag: "ipv6", val: [0xfe80, 0, 0, 0, 0, 0, 0, 1] });
    expect(parseAddress("::ffff:127.0.0.1")).toEqual({ tag: "ipv6", val: [0, 0, 0, 0, 0, 0xffff, 0x7f00, 1] });
    for (const text of [
      "",
      "256.0.0.1",
      "1.2.3",
      "1::2::3",
      "1:2:3:4:5:6:7",
      "1:2:3:4:5:6:7:8:9",
      "g::",
      "name",
      "1::2:3:4:5:6:7:8",
    ]) {
      expect(parseAddress(text), text).toBeUndefined();
    }
  });

  test("reads what addressText() wrote, and Node does too", ({ expect }) => {
    const group = integer({ min: 0, max: 0xffff });
    const address: Arbitrary<IpAddress> = oneof(
      record({ tag: constant("ipv4" as const), val: array(nat(255), { minLength: 4, maxLength: 4 }) }),
      record({ tag: constant("ipv6" as const), val: array(group, { minLength: 8, maxLength: 8 }) }),
    );
    assert(
      property(address, (ip) => {
        const text = addressText(ip);
        expect(parseAddress(text)).toEqual(ip);
        expect(ip.tag === "ipv4" ? isIPv4(text) : isIPv6(text)).toBe(true);
      }),
    );
  });
});
