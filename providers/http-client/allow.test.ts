import { describe, test } from "vitest";
import { judge, parseAllowed, type Allowed } from "./allow.ts";

const list = (...entries: string[]): Allowed[] => entries.map(parseAllowed).filter((one) => one !== undefined);
const to = (url: string) => {
  const { protocol, hostname, port } = new URL(url);
  const secure = protocol === "https:";
  return { secure, host: hostname.replace(/^\[|\]$/g, ""), port: port === "" ? (secure ? 443 : 80) : Number(port) };
};

describe("parseAllowed()", () => {
  test("knows schemes, names, addresses and ports, and nothing else", ({ expect }) => {
    expect(parseAllowed("https://API.Example.")).toEqual({
      secure: true,
      host: "api.example",
      below: false,
      port: 443,
    });
    expect(parseAllowed("http://*.example:8080/")).toEqual({ secure: false, host: "example", below: true, port: 8080 });
    expect(parseAllowed("http://[FD00:0::1]:*")).toMatchObject({ host: "fd00::1", port: undefined });
    expect(parseAllowed("https://*")).toMatchObject({ host: undefined, port: 443 });
    for (const text of [
      "",
      "example",
      "ftp://x",
      "https://",
      "https://a/b",
      "https://a b",
      "https://u@a",
      "https://a?b",
    ]) {
      expect(parseAllowed(text), text).toBeUndefined();
    }
    for (const text of ["http://a:0", "http://a:65536", "http://a:", "http://a.*", "http://[::", "http://[1.2.3.4]"]) {
      expect(parseAllowed(text), text).toBeUndefined();
    }
  });
});

describe("judge()", () => {
  test("compares scheme, host and port", ({ expect }) => {
    const allowed = list("https://api.example", "http://*.lan:*");
    expect(judge(allowed, to("https://api.example/x"))).toBe("allowed");
    expect(judge(allowed, to("https://API.example./x"))).toBe("allowed");
    expect(judge(allowed, to("http://a.b.lan:81"))).toBe("allowed");
    for (const url of [
      "http://api.example",
      "https://api.example:444",
      "https://x.api.example",
      "https://api.example.x",
    ]) {
      expect(judge(allowed, to(url)), url).toBe("denied");
    }
    for (const url of ["http://lan", "http://xlan", "https://a.lan"])
      expect(judge(allowed, to(url)), url).toBe("denied");
  });

  test("says when an address, or localhost, is meant as such", ({ expect }) => {
    const allowed = list("http://10.0.0.7", "http://localhost", "http://[fd00::1]", "https://*");
    for (const url of ["http://10.0.0.7", "http://localhost", "http://[fd00:0:0::1]"]) {
      expect(judge(allowed, to(url)), url).toBe("named");
    }
    for (const url of ["https://10.0.0.7", "https://localhost"]) expect(judge(allowed, to(url)), url).toBe("allowed");
    // The end of an address is no domain.
    expect(judge(list("http://*.0.0.7"), to("http://10.0.0.7"))).toBe("denied");
  });
});
