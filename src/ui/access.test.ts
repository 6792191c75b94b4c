import { describe, test } from "vitest";
import { judgeRequest, type Asked } from "./access.ts";

const TOKEN = "a-token_of-the-right-kind";
const judge = (headers: Asked["headers"], path = "/data", method = "GET"): number => {
  const refusal = judgeRequest({ method, path, headers: { host: "127.0.0.1:4880", ...headers } }, TOKEN);
  return refusal?.status ?? 200;
};
const bearer = { authorization: `Bearer ${TOKEN}` };

describe("judgeRequest()", () => {
  test("wants the token for data, and for nothing else", ({ expect }) => {
    expect([judge(bearer), judge({}), judge({}, "/"), judge({}, "/page.css")]).toEqual([200, 401, 200, 200]);
    const wrong = [
      "",
      TOKEN,
      `Bearer ${TOKEN}x`,
      `Bearer ${TOKEN.slice(1)}`,
      `bearer ${TOKEN}`,
      "Bearer ",
      "Basic eDp5",
    ];
    expect(wrong.map((authorization) => judge({ authorization }))).toEqual(wrong.map(() => 401));
  });

  test("wants a name of this machine, whatever the port", ({ expect }) => {
    const right = ["127.0.0.1", "localhost", "localhost:9000", "[::1]:4880"];
    expect(right.map((host) => judge({ ...bearer, host }))).toEqual(right.map(() => 200));
    const wrong = [
      "evil.example",
      "127.0.0.1.evil.example",
      "evil.example:4880",
      "localhost.",
      "127.0.0.2",
      "",
      "[::1",
    ];
    expect(wrong.map((host) => judge({ ...bearer, host }, "/"))).toEqual(wrong.map(() => 403));
    expect(judgeRequest({ method: "GET", path: "/", headers: {} }, TOKEN)?.status).toBe(403);
  });

  test("answers no page of another origin", ({ expect }) => {
    expect(judge({ ...bearer, origin: "http://127.0.0.1:4880" })).toBe(200);
    for (const origin of ["http://evil.example", "http://127.0.0.1:4881", "https://127.0.0.1:4880", "null"]) {
      expect(judge({ ...bearer, origin })).toBe(403);
    }
    expect(judge({ ...bearer, "sec-fetch-site": "same-origin" })).toBe(200);
    for (const site of ["cross-site", "same-site"]) expect(judge({ ...bearer, "sec-fetch-site": site })).toBe(403);
  });

  test("takes nothing that could change anything", ({ expect }) => {
    for (const method of ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"]) {
      expect(judge(bearer, "/data", method)).toBe(405);
    }
    expect(judge({ ...bearer, "content-length": "5" })).toBe(400);
    expect(judge({ ...bearer, "transfer-encoding": "chunked" })).toBe(400);
    expect(judge(bearer, "/data", "HEAD")).toBe(200);
  });
});
