import * as fc from "fast-check";
import { describe, test } from "vitest";
import { isSubject } from "../../src/lib/subject.ts";
import { subjectOf, topicOf } from "./subject.ts";
import { isTopic } from "./topic.ts";

const CHARACTERS = ["a", "b", ".", "%", "*", ">", " ", "/", "$", "2", "5", "\u00a0", "\u0085", "\u2003", "é", "\t"];

describe("subjectOf()", () => {
  test.for([
    ["sensors/1/temp", "sensors.1.temp"],
    ["/a//b/", "%.a.%.b.%"],
    ["v1.2/50%/a b", "v1%2E2.50%25.a%20b"],
    ["*/>", "%2A.%3E"],
  ] as const)("writes %s as %s", ([topic, subject], { expect }) => {
    expect(subjectOf(topic)).toBe(subject);
    expect(topicOf(subject)).toBe(topic);
  });

  test("gives every topic a subject of its own, which leads back to it", ({ expect }) => {
    const level = fc.string({ unit: fc.constantFrom(...CHARACTERS) });
    fc.assert(
      fc.property(fc.oneof(level, fc.string({ unit: "grapheme" })), (topic) => {
        fc.pre(isTopic(topic));
        expect(isSubject(subjectOf(topic)), topic).toBe(true);
        expect(topicOf(subjectOf(topic))).toBe(topic);
      }),
    );
  });
});

describe("topicOf()", () => {
  test.for([
    ["a/b.c+d", "a%2Fb/c%2Bd"],
    ["%FF.%zz", "%FF/%zz"],
  ] as const)("writes %s as %s", ([subject, topic], { expect }) => {
    expect(topicOf(subject)).toBe(topic);
  });
  test.for(["", "a..b", "a.*", "a.>", "a b"])("has no topic for %j", (subject, { expect }) => {
    expect(topicOf(subject)).toBeUndefined();
  });
});
