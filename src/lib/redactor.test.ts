import { describe, test } from "vitest";
import { PetioleError } from "../domain/errors.ts";
import { recordingLogger } from "../../test/support/provider-rig.ts";
import { createRedactor, redactingLogger } from "./redactor.ts";

const knowing = (...values: (string | Uint8Array)[]) => {
  const redactor = createRedactor();
  for (const value of values) redactor.add(value);
  return redactor;
};

describe("createRedactor()", () => {
  test("hides a value as it is, in JSON, in a URL and encoded", ({ expect }) => {
    const value = 'p@ss"word/1';
    const encoded = [
      value,
      JSON.stringify({ value }),
      `mqtt://me:${encodeURIComponent(value)}@host`,
      Buffer.from(value).toString("base64"),
      Buffer.from(value).toString("hex"),
    ];
    const redactor = knowing(value);
    expect(encoded.map((one) => redactor.text(one))).toEqual([
      "***",
      '{"value":"***"}',
      "mqtt://me:***@host",
      "***",
      "***",
    ]);
  });

  test("hides the longer of two of which one is a part of the other, and old ones too", ({ expect }) => {
    const redactor = knowing("abcd", "abcdef", "later1");
    expect(redactor.text("abcdef abcd later1")).toBe("*** *** ***");
  });

  test("hides bytes where they are encoded", ({ expect }) => {
    const bytes = Uint8Array.of(0xff, 0xfe, 1, 2, 3);
    expect(knowing(bytes).text(`got ${Buffer.from(bytes).toString("base64")}`)).toBe("got ***");
  });

  test("leaves texts alone that have a value of less than four characters in them", ({ expect }) => {
    expect(knowing("on", "", "abc").text("on the abc")).toBe("on the abc");
  });

  test("looks into objects, lists and errors, and keeps what has nothing to hide", ({ expect }) => {
    const redactor = knowing("hunter22");
    const error = new PetioleError("ERR_PROVIDER_START", "no hunter22", { cause: new Error("was hunter22") });
    const hidden = redactor.deep({ list: ["hunter22", 1], inner: { hunter22: null }, error });
    expect(hidden.list).toEqual(["***", 1]);
    expect(hidden.inner).toEqual({ "***": null });
    expect(hidden.error).toBeInstanceOf(PetioleError);
    expect([hidden.error.code, hidden.error.retryable, hidden.error.message]).toEqual([
      "ERR_PROVIDER_START",
      true,
      "no ***",
    ]);
    expect(hidden.error.stack).not.toContain("hunter22");
    expect((hidden.error.cause as Error).message).toBe("was ***");
    const plain = { a: [1, "b"], at: new Date(0) };
    expect(redactor.deep(plain)).toBe(plain);
  });

  test("leaves the codes and the parts of errors as they are, whatever the secret is", ({ expect }) => {
    const redactor = knowing("PROVIDER", "message", "PetioleError");
    const hidden = redactor.deep(new PetioleError("ERR_PROVIDER_START", "the message of PROVIDER"));
    expect([hidden.code, hidden.retryable, hidden.message]).toEqual(["ERR_PROVIDER_START", true, "the *** of ***"]);
    const fields = redactor.deep({ code: "ERR_PROVIDER_START", text: "ERR_PROVIDER_START" });
    expect(fields).toEqual({ code: "ERR_PROVIDER_START", text: "ERR_***_START" });
  });

  test("what is shown of an error is shown of one without its secret", ({ expect }) => {
    const error = Object.assign(new Error("bad hunter22"), { code: "EBADMSG", file: "hunter22" });
    const redacted = knowing("hunter22").deep(error);
    expect(Object.fromEntries(Object.entries(redacted))).toEqual({ code: "EBADMSG", file: "***" });
    expect(Object.keys(redacted)).not.toContain("stack");
  });

  test("a circle in a value does not hang it", ({ expect }) => {
    const circle: Record<string, unknown> = { text: "hunter22" };
    circle["self"] = circle;
    expect(knowing("hunter22").deep(circle)["text"]).toBe("***");
  });
});

test("redactingLogger() hides in messages, fields and what children begin with", ({ expect }) => {
  const inner = recordingLogger();
  const log = redactingLogger(inner, knowing("hunter22"));
  log.child({ link: "hunter22" }).warn("Got hunter22", { reason: "hunter22?" });
  expect(inner.records).toEqual([{ level: "warn", message: "Got ***", fields: { reason: "***?" } }]);
});
