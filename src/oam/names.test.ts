import { assert, property, string } from "fast-check";
import { describe, test } from "vitest";
import { annotationsOf, configName, idOf, secretName } from "./names.ts";

const text = string({ minLength: 1, maxLength: 40, unit: "grapheme" });

describe("idOf()", () => {
  test.for([
    ["thermo", "api", "thermo-api"],
    ["Thermo", "HTTP API", "thermo-http_api"],
    ["my-app", "key_value.store", "my_app-key_value_store"],
    ["ünit", "température", "_nit-temp_rature"],
  ] as const)("of %s and %s is %s", ([manifest, name, id], { expect }) => {
    expect(idOf(manifest, { id: undefined, name })).toBe(id);
  });

  test("is what the manifest says, if it does", ({ expect }) => {
    expect(idOf("thermo", { id: "My.Own", name: "api" })).toBe("My.Own");
  });

  test("is for any names two parts of lower-case letters, digits and underscores, and the same each time", ({
    expect,
  }) => {
    assert(
      property(text, text, (manifest, name) => {
        const id = idOf(manifest, { id: undefined, name });
        expect(id).toMatch(/^[a-z0-9_]+-[a-z0-9_]+$/);
        const [left = "", right = ""] = id.split("-");
        // Cleaning what is clean changes nothing.
        expect(idOf(left, { id: undefined, name: right })).toBe(id);
        expect(left).toHaveLength(Array.from(manifest.toLowerCase()).length);
        expect(configName(manifest, name)).toBe(id);
        expect(secretName(manifest, name)).toBe(`SECRET_${id}`);
      }),
    );
  });

  test("keeps names apart that differ in letters and digits of ASCII", ({ expect }) => {
    const plain = string({ minLength: 1, maxLength: 20, unit: "grapheme-ascii" }).map(
      (one) => one.toLowerCase().replace(/[^a-z0-9]/g, "") || "x",
    );
    assert(
      property(plain, plain, (one, other) => {
        const same = idOf("app", { id: undefined, name: one }) === idOf("app", { id: undefined, name: other });
        expect(same).toBe(one === other);
      }),
    );
  });
});

test("annotationsOf() names the manager and the application", ({ expect }) => {
  expect(annotationsOf("thermo", "petiole")).toEqual({
    "wasmcloud.dev/managed-by": "petiole",
    "wasmcloud.dev/appspec": "thermo",
  });
});
