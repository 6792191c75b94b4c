import { describe, test } from "vitest";
import { parseDelivery } from "./delivery-info.ts";

const FOUND = { streamSeq: 42, time: 1_767_225_600_123_456_789n, attempt: 3 };

describe("parseDelivery()", () => {
  test.for([
    ["short", "$JS.ACK.IN.petiole-gw-1.3.42.17.1767225600123456789.5"],
    ["with domain and account", "$JS.ACK.hub.ACCHASH.IN.petiole-gw-1.3.42.17.1767225600123456789.5"],
    ["with a random token at its end", "$JS.ACK.hub.ACCHASH.IN.petiole-gw-1.3.42.17.1767225600123456789.5.x1y2"],
  ] as const)("reads the form that is %s", ([, reply], { expect }) => {
    expect(parseDelivery(reply)).toEqual(FOUND);
  });

  test.for([
    undefined,
    "",
    "_INBOX.a.b",
    "$JS.ACK.IN.c.3.42.17.now.5",
    "$JS.ACK.IN.c.3.42.17",
    "$JS.ACK.a.IN.c.3.42.17.9.5",
  ])("knows that %s is none", (reply, { expect }) => {
    expect(parseDelivery(reply)).toBeUndefined();
  });
});
