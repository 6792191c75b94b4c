// Pictures in the documents show what is, so that each is made by a test, and none lies around.

import { existsSync, globSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "vitest";
import { LARGEST, PICTURES } from "./support/pictures.ts";

const ROOT = resolve(import.meta.dirname, "..");
const textOf = (pattern: string): string =>
  globSync(pattern, { cwd: ROOT, exclude: (name) => name === "node_modules" })
    .map((file) => readFileSync(join(ROOT, file), "utf8"))
    .join("\n");
const pictures = existsSync(PICTURES) ? readdirSync(PICTURES) : [];

test("each picture is made by a test, shown by a document, and small", ({ expect }) => {
  const documents = textOf("{*.md,docs/**/*.md,examples/**/*.md}");
  const tests = textOf("test/**/*.test.ts");
  expect(pictures.length).toBeGreaterThan(0);
  expect(pictures.filter((name) => !name.endsWith(".png"))).toEqual([]);
  expect(pictures.filter((name) => !documents.includes(`images/${name}`))).toEqual([]);
  expect(pictures.filter((name) => !tests.includes(`"${name.replace(/\.png$/, "")}"`))).toEqual([]);
  expect(pictures.filter((name) => statSync(join(PICTURES, name)).size > LARGEST)).toEqual([]);
});

test("each picture in a document has words for those who do not see it", ({ expect }) => {
  const bare = globSync("{*.md,docs/**/*.md}", { cwd: ROOT }).filter((file) =>
    /!\[\s*\]\(/.test(readFileSync(join(ROOT, file), "utf8")),
  );
  expect(bare).toEqual([]);
});
