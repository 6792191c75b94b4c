import { describe, test } from "vitest";
import { clientOf, isAddress, parseAddress } from "./address.ts";

describe("parseAddress()", () => {
  test.for([
    ["127.0.0.1:8080", { host: "127.0.0.1", port: 8080 }],
    ["gateway.local:0", { host: "gateway.local", port: 0 }],
    ["[::1]:443", { host: "::1", port: 443 }],
    ["unix:/run/petiole/web.sock", { path: "/run/petiole/web.sock" }],
  ] as const)("%s", ([text, address], { expect }) => {
    expect(parseAddress(text)).toEqual(address);
  });

  test.for(["", "8080", ":8080", "127.0.0.1", "127.0.0.1:65536", "::1:80", "unix:relative", "http://a:80"])(
    "refuses %j",
    (text, { expect }) => {
      expect(isAddress(text)).toBe(false);
      expect(() => parseAddress(text)).toThrow(/Cannot listen/);
    },
  );
});

describe("clientOf()", () => {
  test.for([
    [undefined, undefined],
    ["10.0.0.7", "10.0.0.7"],
    ["::ffff:10.0.0.7", "10.0.0.7"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2"],
    ["2001:db8::6", "2001:db8:0:0"],
    ["fe80::1%eth0", "fe80:0:0:0"],
    ["::1", "0:0:0:0"],
  ] as const)("%s", ([remote, client], { expect }) => {
    expect(clientOf(remote)).toBe(client);
  });
});
