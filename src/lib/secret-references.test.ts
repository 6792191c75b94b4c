import { describe, test } from "vitest";
import { SecretReference } from "../domain/secret.ts";
import { fillReferences, findReferences, markReferences, recallReferences } from "./secret-references.ts";

function marked(config: unknown): { readonly config: unknown; readonly faults: string[] } {
  const faults: string[] = [];
  const found = markReferences(config, (path, message) => faults.push(`${path.map(String).join(".")}: ${message}`));
  return { config: found, faults };
}

describe("markReferences()", () => {
  test("makes references of objects with the key secret, wherever they stand", ({ expect }) => {
    const { config, faults } = marked({ users: [{ name: "a", password: { secret: "p", field: "f", backend: "b" } }] });
    expect(faults).toEqual([]);
    expect(findReferences(config)).toEqual([
      { path: ["users", 0, "password"], reference: new SecretReference({ secret: "p", field: "f", backend: "b" }) },
    ]);
  });

  test.for([
    [{ a: { secret: "p", feild: "x" } }, /^a\.feild: a reference to a secret has the keys/],
    [{ a: { secret: 7 } }, /^a\.secret: want text/],
    [{ a: { secret: "" } }, /^a\.secret: want text/],
    [{ a: { secret: "x", version: "v".repeat(300) } }, /^a\.version: want text/],
  ] as const)("says what is wrong with %j", ([config, fault], { expect }) => {
    expect(marked(config).faults.join("\n")).toMatch(fault);
  });

  test("leaves everything else as it is", ({ expect }) => {
    const config = { a: [1, null, { b: "secret" }], c: undefined };
    expect(marked(config)).toEqual({ config, faults: [] });
    expect(marked(config).config).toBe(config);
    expect(marked("text").config).toBe("text");
  });
});

test("recallReferences() makes references of what was stored of them, and of nothing else", ({ expect }) => {
  const config = {
    real: new SecretReference({ secret: "p", field: "f" }, { policy: "{}", service: "vault" }),
    list: [new SecretReference({ secret: "q" }), { secret: "looks alike" }],
  };
  const places = findReferences(config).map(({ path }) => path);
  const stored = JSON.parse(JSON.stringify({ config, places })) as { config: unknown; places: (string | number)[][] };
  expect(recallReferences(stored.config, stored.places)).toStrictEqual(config);
});

test("fillReferences() takes nothing for a reference that only looks like one", ({ expect }) => {
  const lookalike = { password: { secret: "p" } };
  expect(fillReferences(lookalike, () => "value")).toBe(lookalike);
  const { config } = marked(lookalike);
  expect(fillReferences(config, ({ secret }) => `value of ${secret}`)).toEqual({ password: "value of p" });
});
