import { describe, test } from "vitest";
import type { HttpRequest } from "../../common/http.ts";
import { createSite } from "./site.ts";

const site = createSite({ html: "<p>page</p>", script: "run()", style: "p {}", icon: "<svg/>" });

const ask = (path: string, { method = "get", tag }: { readonly method?: string; readonly tag?: string } = {}) => {
  const request: HttpRequest = {
    method,
    path,
    query: "",
    header: (name) => (name === "if-none-match" ? tag : undefined),
    body: () => new Uint8Array(),
  };
  return site(request);
};

describe("createSite()", () => {
  test("has the document for every view, and its parts", ({ expect }) => {
    for (const path of ["/", "/owners", "/owners/3", "/owners/3/pets/new", "/vets"]) {
      expect(ask(path), path).toMatchObject({ status: 200, body: "<p>page</p>" });
    }
    expect([ask("/app.js").body, ask("/style.css").body, ask("/icon.svg").body]).toEqual(["run()", "p {}", "<svg/>"]);
    expect(ask("/app.js").headers["content-type"]).toBe("text/javascript; charset=utf-8");
  });

  test("has the document for what is not there, too, and says so", ({ expect }) => {
    expect(ask("/nothing")).toMatchObject({ status: 404, body: "<p>page</p>" });
  });

  test("lets nothing foreign into the page", ({ expect }) => {
    const policy = ask("/").headers["content-security-policy"];
    expect(policy).toMatch(/^default-src 'none'; script-src 'self'; /);
    expect(policy).not.toMatch(/unsafe|\*/);
  });

  test("sends nothing again that a browser has", ({ expect }) => {
    const tag = ask("/style.css").headers["etag"] ?? "";
    expect(ask("/style.css", { tag })).toMatchObject({ status: 304, body: "" });
    expect(ask("/app.js", { tag })).toMatchObject({ status: 200 });
  });

  test("takes GET and HEAD only", ({ expect }) => {
    expect(ask("/", { method: "post" })).toMatchObject({ status: 405, headers: { allow: "GET, HEAD" } });
  });
});
