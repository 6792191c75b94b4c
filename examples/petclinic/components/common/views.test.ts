import { test } from "vitest";
import { findView } from "./views.ts";

test("findView() knows the addresses of the page", ({ expect }) => {
  expect(["/", "/owners", "/vets", "/owners/new"].map((path) => findView(path)?.name)).toEqual([
    "owners",
    "owners",
    "vets",
    "add-owner",
  ]);
  expect(findView("/owners/12")).toEqual({ name: "owner", owner: 12 });
  expect(findView("/owners/12/pets/new")).toEqual({ name: "add-pet", owner: 12 });
  expect(findView("/owners/12/pets/3/visits/new")).toEqual({ name: "add-visit", owner: 12, pet: 3 });
  for (const path of ["/owners/", "/owners/0", "/owners/1x", "/owners/1/", "/owners/1/pets", "/vets/1", "/x"]) {
    expect(findView(path), path).toBeUndefined();
  }
});
