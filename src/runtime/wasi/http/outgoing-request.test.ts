import { describe, test } from "vitest";
import type { Suspend } from "../waiting.ts";
import { Fields } from "./fields.ts";
import { OutgoingRequest, RequestOptions } from "./outgoing-request.ts";

const suspend: Suspend = (arm) => new Promise((resume) => void arm(resume));

function request(authority: string | undefined, headers = new Fields()): OutgoingRequest {
  const made = new OutgoingRequest(suspend, headers);
  made.setAuthority(authority);
  return made;
}

describe("OutgoingRequest", () => {
  test("destination() fills in what was not said", ({ expect }) => {
    const plain = request("a.example");
    plain.setScheme({ tag: "HTTP" });
    plain.setPathWithQuery("?x=1");
    expect(plain.destination()).toMatchObject({
      tag: "ok",
      val: { secure: false, host: "a.example", port: 80, path: "/?x=1", method: "GET", authority: "a.example" },
    });
    expect(request("[fd00::1]:8443").destination()).toMatchObject({
      val: { secure: true, host: "fd00::1", port: 8443, path: "/" },
    });
    expect(request("a.example").destination()).toMatchObject({ val: { secure: true, port: 443 } });
  });

  test("destination() says what is wrong", ({ expect }) => {
    const code = (made: OutgoingRequest) => made.destination();
    expect(code(request(undefined))).toEqual({ tag: "err", val: { tag: "HTTP-request-URI-invalid" } });
    expect(code(request("a.example:0"))).toEqual({ tag: "err", val: { tag: "HTTP-request-URI-invalid" } });
    expect(code(request("a.example:99999"))).toEqual({ tag: "err", val: { tag: "HTTP-request-URI-invalid" } });
    const other = request("a.example");
    other.setScheme({ tag: "other", val: "ftp" });
    expect(code(other)).toEqual({ tag: "err", val: { tag: "HTTP-protocol-error" } });
    for (const method of [{ tag: "connect" }, { tag: "other", val: "connect" }] as const) {
      const connect = request("a.example");
      connect.setMethod(method);
      expect(code(connect)).toEqual({ tag: "err", val: { tag: "HTTP-request-method-invalid" } });
    }
    const headers = new Fields();
    headers.append("content-length", Buffer.from("5"));
    expect(code(request("a.example", headers))).toEqual({
      tag: "err",
      val: { tag: "HTTP-request-body-size", val: 5n },
    });
  });

  test("refuses what would change the meaning of the request line", ({ expect }) => {
    const made = request("a.example");
    for (const authority of ["", "user@a.example", "a.example/", "a b", "a.example:", "a.example\r\nx: y", "ä"]) {
      expect(made.setAuthority(authority).tag, authority).toBe("err");
    }
    for (const path of ["a", "/a b", "/\r\n", "/ä", "http://b.example/"]) {
      expect(made.setPathWithQuery(path).tag, path).toBe("err");
    }
    expect(made.setMethod({ tag: "other", val: "GET /" }).tag).toBe("err");
    expect(made.setScheme({ tag: "other", val: "a b" }).tag).toBe("err");
    expect([made.authority(), made.pathWithQuery(), made.method(), made.scheme()]).toEqual([
      "a.example",
      undefined,
      { tag: "get" },
      undefined,
    ]);
  });

  test("its headers are frozen, and it has one body", ({ expect }) => {
    const made = request("a.example");
    expect(made.headers().append("a", Uint8Array.of(49))).toEqual({ tag: "err", val: { tag: "immutable" } });
    expect([made.body().tag, made.body().tag]).toEqual(["ok", "err"]);
  });
});

describe("RequestOptions", () => {
  test("keeps what it is given", ({ expect }) => {
    const options = new RequestOptions();
    expect(options.connectTimeout()).toBeUndefined();
    options.setConnectTimeout(1n);
    options.setFirstByteTimeout(2n);
    options.setBetweenBytesTimeout(3n);
    expect([options.connectTimeout(), options.firstByteTimeout(), options.betweenBytesTimeout()]).toEqual([1n, 2n, 3n]);
  });
});
