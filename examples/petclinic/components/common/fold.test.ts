import { test } from "vitest";
import { beginsWith, foldName } from "./fold.ts";

test("foldName() leaves case and accents out", ({ expect }) => {
  expect(["Núñez", "ÄRMEL", "o'Neill", "Çelik", "李"].map(foldName)).toEqual([
    "nunez",
    "armel",
    "o'neill",
    "celik",
    "李",
  ]);
});

test("beginsWith() takes the characters of patterns for what they are", ({ expect }) => {
  expect(["Nú", "100%", "a_b", "!", "\\", ""].map(beginsWith)).toEqual(["nu%", "100!%%", "a!_b%", "!!%", "\\%", "%"]);
});
