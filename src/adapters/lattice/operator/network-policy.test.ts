import { describe, test } from "vitest";
import { networkPolicy } from "./network-policy.ts";

const NOTHING = { allowedHosts: [], allowedIpNameLookups: [], allowedHostLoopbackPorts: [] };
const grantsOf = (...allowedHosts: string[]) => networkPolicy({ ...NOTHING, allowedHosts });

describe("networkPolicy()", () => {
  test.for([
    ["*", "*:*"],
    ["api.example", "api.example:*"],
    ["API.example:8443", "api.example:8443"],
    ["*.acme.io", "*.acme.io:*"],
    ["*.acme.io:443", "*.acme.io:443"],
    ["https://api.example", "api.example:443"],
    ["http://api.example/", "api.example:80"],
    ["https://*.acme.io:9443/", "*.acme.io:9443"],
    ["grpc://api.example", "api.example:*"],
    ["10.0.0.7:1883", "10.0.0.7:1883"],
    ["[fd00::1]:80", "[fd00::1]:80"],
  ])("%s grants %s", ([entry, grant], { expect }) => {
    expect(grantsOf(entry ?? "")).toEqual({ grants: [grant], problems: [] });
  });

  test.for([
    "",
    "*foo",
    "*.",
    "a b",
    "a/b",
    "https://a/b",
    "a?x",
    "a#x",
    "a:0",
    "a:70000",
    "a:b",
    "*.10.0.0.7",
    "[10.0.0.7]",
    "listen:80",
    "a.example/",
  ])("%j is no entry", (entry, { expect }) => {
    const { grants, problems } = grantsOf(entry);
    expect(grants).toEqual([]);
    expect(problems).toHaveLength(1);
  });

  test.for([
    "localhost",
    "LOCALHOST:6379",
    "http://localhost/",
    "db.localhost:5432",
    "*.localhost",
    "127.0.0.1",
    "https://127.8.9.1:8443",
    "0.0.0.0:80",
    "[::1]:80",
    "[0:0:0:0:0:0:0:1]",
    "[::]",
    "[::1%lo]:80",
    "[::ffff:127.0.0.1]:22",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[64:ff9b::127.0.0.1]:80",
  ])("%s is this device, and grants nothing", (entry, { expect }) => {
    expect(grantsOf(entry)).toEqual({ grants: [], problems: [] });
    expect(grantsOf(entry, "localhost.example:80").grants).toEqual(["localhost.example:80"]);
  });

  test("grants nothing for empty lists, and nothing more for lookups and loopback", ({ expect }) => {
    expect(networkPolicy(NOTHING)).toEqual({ grants: [], problems: [] });
    const lists = { allowedIpNameLookups: ["*", "*.a.io", "10.0.0.1"], allowedHostLoopbackPorts: ["53/udp", "5432"] };
    expect(networkPolicy({ ...NOTHING, ...lists })).toEqual({ grants: [], problems: [] });
  });

  test("names all that are wrong", ({ expect }) => {
    const lists = { allowedHosts: ["*x"], allowedIpNameLookups: ["a b"], allowedHostLoopbackPorts: ["0", "1/sctp"] };
    expect(networkPolicy(lists).problems).toEqual([
      'allowedHosts "*x"',
      'allowedIpNameLookups "a b"',
      'allowedHostLoopbackPorts "0"',
      'allowedHostLoopbackPorts "1/sctp"',
    ]);
  });
});
