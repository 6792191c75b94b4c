import { describe, test } from "vitest";
import {
  checkSubjectFilter,
  covers,
  fleetFilter,
  inboundFilter,
  inboundFleetFilter,
  inboundSubject,
  isDeviceName,
  jetStreamInfo,
  laneFilter,
  nextMessages,
  outboxSubject,
} from "./subjects.ts";
import { isSubject } from "../../domain/subject.ts";

const refusal = { code: "ERR_LATTICE_MESSAGE" };

describe("outboxSubject()", () => {
  test("puts device and lane before the component's subject", ({ expect }) => {
    expect(outboxSubject("press-7", "critical", "alarm.door")).toBe("petiole.press-7.critical.alarm.door");
  });

  test.for(["a.b", "a*", ">", "", "a b", "a\n", "ä", "x".repeat(65)])("refuses the device %j", (device, { expect }) => {
    expect(isDeviceName(device)).toBe(false);
    expect(() => outboxSubject(device, "critical", "x")).toThrow(expect.objectContaining(refusal));
    expect(() => laneFilter(device, "critical")).toThrow(expect.objectContaining(refusal));
  });

  test.for(["", ".", "a.", ".a", "a..b", "a.*", "a.>", "a b", "a\tb", "a\r\nb", "\u0000", "x".repeat(513)])(
    "refuses the subject %j",
    (subject, { expect }) => {
      expect(isSubject(subject)).toBe(false);
      expect(() => outboxSubject("d", "standard", subject)).toThrow(expect.objectContaining(refusal));
    },
  );
});

test("checkSubjectFilter() takes wildcards as whole tokens only", ({ expect }) => {
  for (const filter of ["a", "*", ">", "a.*.b", "a.*.>"]) expect(checkSubjectFilter(filter)).toBe(filter);
  for (const filter of ["a*", "a.>.b", "a.b*", ">.a"]) {
    expect(() => checkSubjectFilter(filter), filter).toThrow(expect.objectContaining(refusal));
  }
});

describe("messages for a device", () => {
  test("have a root that the outbox's stream does not capture", ({ expect }) => {
    expect(inboundFilter("press-7")).toBe("petiole-in.press-7.>");
    expect(covers(inboundFleetFilter(), inboundFilter("press-7"))).toBe(true);
    expect(covers(fleetFilter(), "petiole-in.press-7.x")).toBe(false);
    expect(covers(inboundFleetFilter(), "petiole.press-7.critical.x")).toBe(false);
    expect(() => inboundFilter("*")).toThrow(expect.objectContaining(refusal));
  });

  test("reach the component without root and device, and those of another device not at all", ({ expect }) => {
    expect(inboundSubject("press-7", "petiole-in.press-7.commands.lamp")).toBe("commands.lamp");
    expect(inboundSubject("press-7", "petiole-in.press-70.commands.lamp")).toBeUndefined();
  });

  test("are asked for in the hub's domain", ({ expect }) => {
    expect(nextMessages(undefined, "IN", "c")).toBe("$JS.API.CONSUMER.MSG.NEXT.IN.c");
    expect(nextMessages("hub", "IN", "c")).toBe("$JS.hub.API.CONSUMER.MSG.NEXT.IN.c");
  });
});

test("jetStreamInfo() names the domain when there is one", ({ expect }) => {
  expect([jetStreamInfo(undefined), jetStreamInfo("hub")]).toEqual(["$JS.API.INFO", "$JS.hub.API.INFO"]);
});

test.for([
  [">", "a", true],
  [">", "a.>", true],
  ["petiole.*.>", "petiole.press-7.critical.>", true],
  ["petiole.press-7.*.>", "petiole.press-7.critical.>", true],
  ["petiole.press-7.critical.>", "petiole.press-7.critical.>", true],
  ["petiole.press-7.critical.a", "petiole.press-7.critical.>", false],
  ["petiole.press-7.critical.*", "petiole.press-7.critical.>", false],
  ["petiole.press-7.critical", "petiole.press-7.critical.>", false],
  ["petiole.press-8.>", "petiole.press-7.critical.>", false],
  ["a.*", "a.*", true],
  ["a.b", "a.*", false],
  ["a.*", "a.b.c", false],
  ["a.b.>", "a.b", false],
] as const)("covers(%j, %j) is %j", ([outer, inner, expected], { expect }) => {
  expect(covers(outer, inner)).toBe(expected);
});
