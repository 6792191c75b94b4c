import { describe, test } from "vitest";
import { parseChallenges } from "./challenge.ts";

describe("parseChallenges()", () => {
  test("reads what a registry with tokens asks", ({ expect }) => {
    const header =
      'Bearer realm="https://auth.example/token?x=1,2",service="registry.example",scope="repository:team/app:pull,push"';
    expect(parseChallenges(header)).toEqual([
      {
        scheme: "bearer",
        parameters: {
          realm: "https://auth.example/token?x=1,2",
          service: "registry.example",
          scope: "repository:team/app:pull,push",
        },
      },
    ]);
  });

  test("reads several challenges of one header", ({ expect }) => {
    expect(parseChallenges('Negotiate, Basic realm="a \\"b\\"", charset=UTF-8 ,Bearer realm=x')).toEqual([
      { scheme: "negotiate", parameters: {} },
      { scheme: "basic", parameters: { realm: 'a "b"', charset: "UTF-8" } },
      { scheme: "bearer", parameters: { realm: "x" } },
    ]);
  });

  test.for(["", " , ", "=", 'Basic realm="no end'])("ends with what it cannot read: %s", (header, { expect }) => {
    expect(parseChallenges(header).length).toBeLessThanOrEqual(2);
  });
});
