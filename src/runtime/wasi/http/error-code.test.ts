import { describe, test } from "vitest";
import { errorCode, HttpFault } from "./error-code.ts";

const failure = (code: string): Error => Object.assign(new Error(`secret path of ${code}`), { code });

describe("errorCode()", () => {
  test("names what Node's network stack fails with", ({ expect }) => {
    for (const [code, tag] of [
      ["ECONNREFUSED", "connection-refused"],
      ["ECONNRESET", "connection-terminated"],
      ["ETIMEDOUT", "connection-timeout"],
      ["ENETUNREACH", "destination-IP-unroutable"],
      ["EMFILE", "connection-limit-reached"],
      ["EAI_AGAIN", "DNS-timeout"],
      ["ERR_TLS_CERT_ALTNAME_INVALID", "TLS-certificate-error"],
      ["DEPTH_ZERO_SELF_SIGNED_CERT", "TLS-certificate-error"],
      ["CERT_HAS_EXPIRED", "TLS-certificate-error"],
      ["ERR_SSL_WRONG_VERSION_NUMBER", "TLS-protocol-error"],
      ["EPROTO", "TLS-protocol-error"],
      ["HPE_INVALID_CONSTANT", "HTTP-protocol-error"],
    ] as const) {
      expect(errorCode(failure(code)), code).toEqual({ tag });
    }
    expect(errorCode(failure("ENOTFOUND"))).toMatchObject({ tag: "DNS-error", val: { rcode: "NXDOMAIN" } });
    expect(errorCode(failure("ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE"))).toMatchObject({ tag: "TLS-alert-received" });
  });

  test("lets nothing out of a message that it does not know", ({ expect }) => {
    expect(errorCode(failure("EOTHER"))).toEqual({ tag: "internal-error", val: "EOTHER" });
    expect(errorCode(new Error("secret"))).toEqual({ tag: "internal-error", val: "" });
  });

  test("a fault of ours stays what it is, and of several attempts the last counts", ({ expect }) => {
    const fault = new HttpFault({ tag: "HTTP-request-denied" });
    expect(errorCode(fault)).toEqual({ tag: "HTTP-request-denied" });
    expect(errorCode(new AggregateError([failure("ETIMEDOUT"), failure("ECONNREFUSED")]))).toEqual({
      tag: "connection-refused",
    });
  });
});
